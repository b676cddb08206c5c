import { appSnippets } from './app-snippets.js'
import { CopyButton, Secret } from './form.js'
import { shownName } from './shown-name.js'

export interface KeyPageProps {
  readonly app: { readonly appid: string; readonly name: string; readonly domain: string }
  readonly secret: string
  readonly publicUrl: string
  /** The one before works on for a while. */
  readonly rotated: boolean
}

/** The only time that the key is shown. */
export function KeyPage({ app, secret, publicUrl, rotated }: KeyPageProps) {
  const name = shownName(app.name, app.domain)
  return (
    <>
      <h1>
        {rotated ? 'The new key of ' : 'The key of '}
        <bdi>{name}</bdi>
      </h1>
      <div class="notice" role="status">
        <p>
          <strong>Copy it now: it is shown this once.</strong> Keep it on your server, never in a page.
          {rotated && ' The one before works for another hour.'}
        </p>
      </div>
      <Secret id="key" label="Key" value={secret} lines={13} />
      <p>
        <a class="button" href={`/myapps/${app.appid}`}>
          I have it
        </a>
      </p>
      <section>
        <h2>Ready to use</h2>
        <p>
          Your server listens with the key to where the users are who let your app see them: at once everybody, then
          each change. (Without end; docs/app-developers.md goes on from here, for Node.js, Python and pages.)
        </p>
        <Snippet id="snippet-curl" title="On your server, curl: listen" code={listening(app.appid, publicUrl)} />
        {appSnippets(app.appid, app.domain, publicUrl).map(({ id, title, code }) => (
          <Snippet key={id} id={id} title={title} code={code} />
        ))}
      </section>
    </>
  )
}

function listening(appid: string, publicUrl: string): string {
  return `export PRESENCE_KEY=$(cat presence.key) # where you have put it
curl -N -H "Authorization: Bearer $PRESENCE_KEY" ${publicUrl}/${appid}/presence.json`
}

function Snippet({ id, title, code }: { id: string; title: string; code: string }) {
  return (
    <>
      <h3>{title}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must get there. */}
      <pre tabIndex={0}>
        <code id={id}>{code}</code>
      </pre>
      <CopyButton of={id} what={title} />
    </>
  )
}
