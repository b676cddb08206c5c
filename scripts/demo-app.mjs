// The quickstart's own app, so that there is a stream to look at: registered, proven, activated and let in by users, as any other.
import { once } from 'node:events'
import { createServer } from 'node:http'

/** A user here has a `jid`, and `nextMessage()`: the body of the next message to her. The first of them registers the app. */
export async function demoApp(url, users) {
  let proof = ''
  const site = createServer(({ url: path }, response) => {
    response.end(path === '/__presence' ? proof : 'Thank you. This is all that the demo app has.\n')
  }).listen(0, '127.0.0.1')
  await once(site, 'listening')
  const domain = `127.0.0.1:${site.address().port}`

  const browsers = []
  for (const user of users) browsers.push(await signIn(url, user))
  const [hers] = browsers
  const app = await hers.ask('/api/apps', { domain, name: 'Demo', description: 'Shows what a stream says.' })
  proof = app.proof.key
  await hers.ask(`/api/apps/${app.appid}/verify`, {})
  const { key } = await hers.ask(`/api/apps/${app.appid}/activate`, {})

  const asked = { redirect: `http://${domain}/`, scope: 'status details address' }
  for (const browser of browsers) {
    await browser.allow(`/${app.appid}/grant?${new URLSearchParams(asked)}`)
    await browser.ask('/api/sign-out', {})
  }
  return { key, stream: `${url}/${app.appid}/presence.json` }
}

async function signIn(url, { jid, nextMessage }) {
  const browser = new Browser(url)
  const message = nextMessage()
  const { id } = await browser.ask('/api/sign-in', { jid })
  const [code] = /^\d{6}$/m.exec(await message)
  await browser.ask(`/api/sign-in/${id}`, { code })
  return browser
}

/** No more of one than this needs: it keeps cookies, and says where its requests are from. */
class Browser {
  #url
  #cookies = {}

  constructor(url) {
    this.#url = url
  }

  async ask(path, json) {
    const response = await this.#fetch(path, { method: 'POST', body: JSON.stringify(json) }, 'application/json')
    return response.json()
  }

  async allow(path) {
    const page = await (await this.#fetch(path)).text()
    const [, csrf] = /name="csrf" value="([^"]+)"/.exec(page)
    const fields = { csrf, answer: 'allow', scope_details: 'on', scope_address: 'on' }
    await this.#fetch(path, { method: 'POST', body: `${new URLSearchParams(fields)}` })
  }

  async #fetch(path, options = {}, type = 'application/x-www-form-urlencoded') {
    const Cookie = Object.entries(this.#cookies)
      .map((each) => each.join('='))
      .join('; ')
    const headers = { Cookie, Origin: this.#url, Accept: 'text/html, application/json', 'Content-Type': type }
    const response = await fetch(this.#url + path, { ...options, headers, redirect: 'manual' })
    if (response.status >= 400) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
      this.#cookies[name] = value
    }
    return response
  }
}
