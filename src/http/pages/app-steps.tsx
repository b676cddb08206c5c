import type { AppPageProps } from './app-page.js'
import { appSite } from './app-site.js'
import { CopyButton, Form, Secret } from './form.js'
import { Moment } from './moment.js'

export function ProofStep({ csrf, app, proof, errors }: AppPageProps) {
  const proven = app.verifiedAt !== null
  return (
    <li>
      <h3>
        Prove that {app.domain} is yours {proven && <span class="tag good">✓ done</span>}
      </h3>
      {app.verifiedAt !== null && (
        <p>
          Proven <Moment at={app.verifiedAt} />. You may prove it again whenever you like.
        </p>
      )}
      <details open={!proven || errors.verify !== undefined}>
        <summary>How to prove it</summary>
        <p>Put this text at the following URL, then press Verify. White space around it does not matter.</p>
        <p>
          <code id="proof-url">{proof.url}</code> <CopyButton of="proof-url" what="the URL" />
        </p>
        <Secret id="proof-key" label="The text to put there" value={proof.key} lines={4} />
        {errors.verify !== undefined && <p class="error">{errors.verify}</p>}
        <Form action={`/myapps/${app.appid}/verify`} csrf={csrf}>
          <button type="submit" id="verify" class={proven ? 'quiet' : ''}>
            {proven ? 'Verify again' : 'Verify'}
          </button>
        </Form>
      </details>
    </li>
  )
}

export function ActivateStep({ csrf, app, errors }: AppPageProps) {
  const path = `/myapps/${app.appid}`
  return (
    <li>
      <h3>Activate it {app.active && <span class="tag good">✓ done</span>}</h3>
      {errors.activate !== undefined && <p class="error">{errors.activate}</p>}
      {app.active ? (
        <>
          <p>
            You have seen its key. If you lost it, or somebody else has it, make a new one: the old one works for
            another hour.
          </p>
          <div class="actions">
            <Form action={`${path}/rotate`} csrf={csrf}>
              <button type="submit" class="quiet">
                Make a new key
              </button>
            </Form>
            <Form
              action={`${path}/deactivate`}
              csrf={csrf}
              confirm="Its key stops working at once, until you activate it again. Deactivate it?"
            >
              <button type="submit" class="danger">
                Deactivate
              </button>
            </Form>
          </div>
        </>
      ) : app.verifiedAt === null ? (
        <p>Once the domain is proven, you get a key here for its server.</p>
      ) : (
        <>
          <p>You get a key for its server. It is shown once, so have a place for it.</p>
          <Form action={`${path}/activate`} csrf={csrf}>
            <button type="submit" id="activate">
              Activate
            </button>
          </Form>
        </>
      )}
    </li>
  )
}

export function AskStep({ app, publicUrl }: AppPageProps) {
  return (
    <li>
      <h3>Ask users</h3>
      {!app.active && <p>This works once it is active.</p>}
      <p>
        Lead them to this page, or open it in a pop-up. They come back to the URL in <code>redirect</code>, on your
        domain or one of its listed hosts, with <code>Presence-UID</code>, your <code>state</code> and{' '}
        <code>presence_token</code>. Answer at <code>redirect</code> itself with a page: a redirect from there to
        another host is blocked by Chrome, and nothing visible happens.
      </p>
      <p>
        <code id="grant-url">
          {`${publicUrl}/${app.appid}/grant?${new URLSearchParams({ redirect: `${appSite(app.domain)}/presence`, state: 'REPLACE_ME' })}`}
        </code>{' '}
        <CopyButton of="grant-url" what="the URL of the consent page" />
      </p>
    </li>
  )
}
