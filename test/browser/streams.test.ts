import assert from 'node:assert/strict'
import { type Browser, chromium, type Page } from 'playwright-core'
import { AppSite } from '../support/app-site.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { type GrantedApp, grantedApp } from '../support/granted-app.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'
import { FLAGS } from './web.js'

const ALICE = 'alice@localhost'
const BOB = 'bob@localhost'
const WAYS = ['eventSource', 'lines', 'socket'] as const

/** What a page does with a ticket: each way keeps the texts that it heard of, and comes back with its last cursor. */
const PAGE = `<!doctype html><script>
const heard = { eventSource: [], lines: [], socket: [] }
const resets = []
function take(way, pairs) { for (const [, status, details] of pairs) heard[way].push(details?.text ?? status) }
function line(way, said) {
  if (said.reset) resets.push(way)
  if (said.presence) take(way, said.presence)
  return said.cursor
}

function openEventSource(url) {
  const source = new EventSource(url)
  source.onmessage = ({ data }) => line('eventSource', JSON.parse(data))
}

async function openLines(url) {
  let cursor = ''
  for (;;) {
    try {
      const { body } = await fetch(url + '&since=' + cursor)
      const reader = body.pipeThrough(new TextDecoderStream()).getReader()
      for (let rest = ''; ; ) {
        const { done, value } = await reader.read()
        if (done) break
        const all = (rest + value).split('\\n')
        rest = all.pop()
        for (const text of all) if (text) cursor = line('lines', JSON.parse(text)) ?? cursor
      }
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

function openSocket(url, cursor = '') {
  const socket = new WebSocket(url.replace('http', 'ws').replace('/presence.json', '') + '&since=' + cursor)
  socket.onmessage = ({ data }) => {
    const said = JSON.parse(data)
    if (!Array.isArray(said)) cursor = line('socket', said) ?? cursor
    else for (const { uid, status, text, cursor: at } of said) {
      take('socket', [[uid, status, { text }]])
      cursor = at ?? cursor
    }
  }
  socket.onclose = () => setTimeout(() => openSocket(url, cursor), 200)
}
</script>`

describe('A page on another origin, in Chromium, with a ticket', function () {
  this.timeout(60_000)
  let server: XmppServer
  let gateway: GatewayProcess
  let app: GrantedApp
  let site: AppSite
  let browser: Browser
  let page: Page
  const users = new Map<string, XmppUser>()

  before(async () => {
    server = await startProsody({ mode: 'privileged', users: ['alice', 'bob'] })
    const [port = 0] = await freePorts(1)
    gateway = await GatewayProcess.prepare({ server, config: { http: { port } } })
    app = await grantedApp(gateway, [ALICE, BOB])
    await gateway.start()
    site = await AppSite.start()
    site.files.set('/', (_, response) => response.setHeader('Content-Type', 'text/html').end(PAGE))
    for (const jid of [ALICE, BOB]) {
      const user = await XmppUser.login({ port: server.c2sPort, jid })
      users.set(jid, user)
      await say(jid, 'here')
    }
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS })
    page = await browser.newPage()
    await page.goto(`http://${site.domain}/`)
  })
  after(async () => {
    await browser?.close()
    await site?.stop()
    for (const user of users.values()) await user.logout()
    await gateway?.stop()
    await server?.stop()
  })

  /** Until the gateway knows. */
  async function say(jid: string, status: string): Promise<void> {
    await users.get(jid)?.setPresence({ show: 'away', status })
    await gateway.untilStatus(jid, ({ body }) => body.includes(`<status>${status}<`), { timeoutMs: 20_000 })
  }

  const heard = () => page.evaluate<Record<(typeof WAYS)[number], string[]>>('heard')

  /** Until every way has heard that last. */
  async function untilHeard(text: string): Promise<void> {
    for (const way of WAYS) {
      await until(async () => (await heard())[way].at(-1) === text, 15_000, `${way} to hear ${text}`).catch(
        async (error) => {
          throw new Error(`${error}: ${JSON.stringify(await heard())}`)
        },
      )
    }
  }

  it('hears of her alone for whom it is, by EventSource, fetch and WebSocket', async () => {
    const response = await fetch(`${gateway.url}/${app.appid}/tickets`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${app.key}` },
      body: JSON.stringify({ uids: [app.uids.get(ALICE)] }),
    })
    const { ticket } = (await response.json()) as { ticket: string }
    const url = `${gateway.url}/${app.appid}/presence.json?ticket=${ticket}`
    await page.evaluate(
      `openEventSource(${JSON.stringify(url)}); openLines(${JSON.stringify(url)}); openSocket(${JSON.stringify(url)})`,
    )
    await untilHeard('here')
    await say(BOB, 'nobody is to hear this')
    await say(ALICE, 'one')
    await untilHeard('one')
    for (const way of WAYS) assert.deepEqual((await heard())[way], ['here', 'one'], way)
  })

  it('comes back by itself when the gateway has restarted, and misses nothing', async () => {
    await gateway.shutDown()
    // Prosody says it to the gateway when that is back.
    await users.get(ALICE)?.setPresence({ show: 'dnd', status: 'two' })
    await gateway.start()
    await untilHeard('two')
    await say(ALICE, 'three')
    await untilHeard('three')
    for (const way of WAYS) assert.deepEqual((await heard())[way], ['here', 'one', 'two', 'three'], way)
    assert.deepEqual(await page.evaluate('resets'), [])
  })

  it('comes back when the gateway was killed', async () => {
    await gateway.kill9()
    await users.get(ALICE)?.setPresence({ show: 'dnd', status: 'four' })
    await gateway.start()
    await untilHeard('four')
    for (const way of WAYS) assert.deepEqual((await heard())[way], ['here', 'one', 'two', 'three', 'four'], way)
  })

  it('opens nothing with the key of the app, which the browser does not even send', async () => {
    const path = `${gateway.url}/${app.appid}`
    const refused = `fetch('${path}/presence.json', { headers: { Authorization: 'Bearer ${app.key}' } }).then(() => 'answered', (error) => error.name)`
    assert.equal(await page.evaluate(refused), 'TypeError')
    const tickets = `fetch('${path}/tickets', { method: 'POST', headers: { Authorization: 'Bearer ${app.key}' }, body: '{}' }).then(() => 'answered', (error) => error.name)`
    assert.equal(await page.evaluate(tickets), 'TypeError')
    const source = `new Promise((resolve) => { const source = new EventSource('${path}/presence.json'); source.onerror = () => resolve(source.readyState) })`
    assert.equal(await page.evaluate(source), 2)
    const socket = `new Promise((resolve) => {
      const socket = new WebSocket('${path.replace('http', 'ws')}')
      socket.onopen = () => resolve('open')
      socket.onclose = () => resolve('closed')
    })`
    assert.equal(await page.evaluate(socket), 'closed')
  })
})
