export function FrontPage({ signedIn }: { signedIn: boolean }) {
  return (
    <>
      <h1>Who is there, on the web</h1>
      <p>
        This server puts the presence of XMPP users on the web: whether they are online, away or gone. It shows only
        what they want to be seen.
      </p>
      <div class="actions">
        {signedIn ? (
          <a class="button" href="/account">
            My account
          </a>
        ) : (
          <a class="button" href="/sign-in">
            Sign in
          </a>
        )}
      </div>
      <section>
        <h2>For you</h2>
        <p>
          At <a href="/account">your account</a> you choose what anybody may see of you, and which apps may see more.
          You sign in with your XMPP address; there are no passwords here.
        </p>
      </section>
      <section>
        <h2>For your app</h2>
        <p>
          Register it at <a href="/myapps">my apps</a>, prove that its domain is yours, and ask users to let it see
          them. Its server hears of each change as it happens, by stream or webhook.
        </p>
      </section>
      <section>
        <h2>For your page</h2>
        <p>Whoever publishes her status can be asked for by any page:</p>
        <figure>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must get there. */}
          <pre tabIndex={0}>
            <code>{'GET /xmpp/status/alice@example.org.json'}</code>
          </pre>
        </figure>
      </section>
    </>
  )
}
