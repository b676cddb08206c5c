import { appSite } from './app-site.js'

export interface AppSnippet {
  readonly id: string
  readonly title: string
  readonly code: string
}

/** How a user is asked and comes back, to be copied as it is: docs/app-developers.md has the same. */
export function appSnippets(appid: string, domain: string, publicUrl: string): readonly AppSnippet[] {
  const site = appSite(domain)
  const [, port = '3000'] = /:(\d+)$/.exec(domain) ?? []
  const secure = site.startsWith('https:') ? '; Secure' : ''
  return [
    {
      id: 'snippet-node',
      title: 'On your server, Node.js: ask a user, and learn who came back',
      code: `// presence.mjs, after npm install jose; run it with: node presence.mjs
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const gateway = '${publicUrl}'
const appid = '${appid}'
const redirect = '${site}/presence'
const keys = createRemoteJWKSet(new URL(\`\${gateway}/.well-known/jwks.json\`))

async function uidOf(token, state) {
  const { payload } = await jwtVerify(token, keys, { issuer: gateway, audience: appid, algorithms: ['ES256'] })
  if (!state || payload.nonce !== state) throw new Error('this browser did not ask for it')
  return payload.sub
}

createServer(async (request, response) => {
  const { pathname, searchParams: query } = new URL(request.url, redirect)
  response.setHeader('Content-Type', 'text/html')
  if (pathname === '/presence/ask') {
    // It comes back with the answer; the cookie binds it to this browser.
    const state = randomUUID()
    const consent = new URL(\`\${gateway}/\${appid}/grant\`)
    consent.search = new URLSearchParams({ redirect, state, scope: 'status details' })
    response.setHeader('Set-Cookie', \`presence_state=\${state}; Path=/presence; HttpOnly; SameSite=Lax${secure}\`)
    response.writeHead(303, { Location: consent.href }).end()
  } else if (pathname === '/presence') {
    const [, state] = /presence_state=([^;]+)/.exec(request.headers.cookie) ?? []
    try {
      const uid = await uidOf(query.get('presence_token') ?? '', state)
      console.log('your name for this user from now on:', uid)
    } catch (error) {
      console.log('not let in:', query.get('error') ?? error.message)
    }
    // Answer with a page, never by a redirect to another host.
    response.end(\`<script>
      if (opener) { opener.postMessage('presence', location.origin); close() }
    </script><p>Thank you. <a href="/">Go on</a></p>\`)
  } else {
    response.end(\`<a href="/presence/ask">Let us see whether you are there</a>
    <button>In a pop-up</button>
    <script>
      const ask = () => open('/presence/ask', 'presence', 'popup,width=480,height=720')
      document.querySelector('button').addEventListener('click', ask)
      addEventListener('message', ({ origin, data }) => {
        if (origin === location.origin && data === 'presence') document.body.append(' Thank you.')
      })
    </script>\`)
  }
}).listen(${port})`,
    },
  ]
}
