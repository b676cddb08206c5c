import { appSite } from './app-site.js'
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
      <Secret id="key" label="Key" value={secret} lines={8} />
      <p>
        <a class="button" href={`/myapps/${app.appid}`}>
          I have it
        </a>
      </p>
      <section>
        <h2>Ready to use</h2>
        <p>The key opens the stream of the last one; this version does not serve it yet.</p>
        {snippets(app, publicUrl).map(({ id, title, code }) => (
          <Snippet key={id} id={id} title={title} code={code} />
        ))}
      </section>
    </>
  )
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

function snippets({ appid, domain }: KeyPageProps['app'], publicUrl: string) {
  const back = `${appSite(domain)}/presence`
  return [
    {
      id: 'snippet-browser',
      title: 'In your page: ask a user',
      code: `const state = crypto.randomUUID() // keep it in her session: it comes back
const consent = new URL('${publicUrl}/${appid}/grant')
consent.search = new URLSearchParams({ redirect: '${back}', state, scope: 'status details' })
location.href = consent // or open(consent, 'presence', 'popup,width=480,height=720')`,
    },
    {
      id: 'snippet-node',
      title: 'On your server, Node.js: who came back',
      code: `import { createRemoteJWKSet, jwtVerify } from 'jose'

const keys = createRemoteJWKSet(new URL('${publicUrl}/.well-known/jwks.json'))
// query: of the request for ${back}
const { payload } = await jwtVerify(query.presence_token, keys, { issuer: '${publicUrl}', audience: '${appid}' })
if (payload.nonce !== state) throw new Error('not what we asked for')
const uid = payload.sub // your name for this user from now on`,
    },
    {
      id: 'snippet-curl',
      title: 'On your server, curl: their presence, as it changes',
      code: `curl --no-buffer --header "Authorization: Bearer $PRESENCE_KEY" \\
  ${publicUrl}/${appid}/presence.json`,
    },
  ]
}
