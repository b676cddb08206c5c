import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium } from 'playwright-core'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { untilJson } from '../support/json-status.js'
import { startProsody } from '../support/prosody.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

describe('A page of another origin, in Chromium', function () {
  this.timeout(60_000)
  let server: XmppServer
  let gateway: GatewayProcess
  let browser: Browser
  let site: Server
  let alice: XmppUser

  before(async () => {
    server = await startProsody({ mode: 'privileged', users: ['alice'] })
    gateway = await startGateway({ server })
    site = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<title>a page</title>'))
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS })
    alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost' })
    await alice.setPresence({ show: 'away', status: 'Lunch <&> 🍜' })
    await untilJson(gateway, 'alice@localhost', { show: 'away', freshness: 'live' })
  })

  after(async () => {
    await browser?.close()
    await alice?.logout()
    site?.close()
    await gateway?.stop()
    await server?.stop()
  })

  it('reads a status as XML, its headers, a 304 and a batch', async () => {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`)
    // Text, not a function: it runs in the page, whose globals the compiler does not know here.
    const seen = await page.evaluate(`(async () => {
      const base = ${JSON.stringify(gateway.url)} + '/xmpp/status'
      const first = await fetch(base + '/alice@localhost')
      const xml = new DOMParser().parseFromString(await first.text(), 'application/xml')
      const etag = first.headers.get('etag')
      // A header that is not on the safe list makes the browser ask first.
      const second = await fetch(base + '/alice@localhost', { headers: { 'If-None-Match': etag }, cache: 'no-store' })
      const batch = await fetch(base, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ jids: ['alice@localhost', 'nobody@localhost'] }),
      })
      return {
        show: xml.querySelector('show').textContent,
        text: xml.querySelector('status').textContent,
        from: xml.documentElement.getAttribute('from'),
        freshness: first.headers.get('presence-freshness'),
        second: second.status,
        batch: (await batch.json()).presences.map(({ show, error }) => show ?? error),
        missing: (await fetch(base + '/nobody@localhost')).status,
      }
    })()`)
    assert.deepEqual(seen, {
      show: 'away',
      text: 'Lunch <&> 🍜',
      from: 'alice@localhost',
      freshness: 'live',
      second: 304,
      batch: ['away', 'item-not-found'],
      missing: 404,
    })
  })
})
