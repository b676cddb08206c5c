import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppFault } from '../../src/apps/app-fault.js'
import { Apps } from '../../src/apps/apps.js'
import { OutboundError } from '../../src/apps/outbound.js'
import { OutboundClient } from '../../src/http/outbound-client.js'
import { systemClock } from '../../src/ops/system-clock.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { Trap } from '../support/trap.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { jid } from '../unit/users.js'
import { HOSTILE_NAMES, hostileUrls } from './hostile-urls.js'

const WEB = '127.0.0.2'
const PNG = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')

/** A web server that is allowed, beside a trap that is not. */
describe('A URL that leads where it may not', () => {
  const directory = temporaryDirectory()
  const alice = jid('alice@h')
  let trap: Trap
  let urls: readonly string[]
  let web: Server
  let domain: string
  let answers: Map<string, { status?: number; headers?: Record<string, string>; body?: string | Buffer }>
  let client: OutboundClient
  let database: ReturnType<typeof openDatabase>
  let apps: Apps
  let lookups: string[]
  let names: Record<string, (readonly string[])[]>
  let connects: string[]
  const onConnect = (message: unknown) => {
    const { host } = (message as { connectParams: { host: string } }).connectParams
    connects.push(host)
  }

  before(async () => {
    trap = await Trap.set()
    urls = hostileUrls(
      trap.port,
      trap.addresses.filter((address) => !/^127\.|^::1$/.test(address)),
    )
    web = createServer((request, response) => {
      const { status = 200, headers = {}, body = '' } = answers.get(request.url ?? '') ?? { status: 404 }
      response.writeHead(status, headers).end(body)
    })
    await once(web.listen(0, WEB), 'listening')
    domain = `${WEB}:${(web.address() as AddressInfo).port}`
  })
  after(async () => {
    await trap.close()
    web.closeAllConnections()
    await once(web.close(), 'close')
  })

  beforeEach(() => {
    trap.caught = 0
    answers = new Map()
    lookups = []
    names = {}
    connects = []
    client = new OutboundClient([`${WEB}/32`], systemClock, async (name) => {
      lookups.push(name)
      return names[name]?.shift() ?? HOSTILE_NAMES[name] ?? []
    })
    database = openDatabase(directory())
    let last = 0
    apps = new Apps({
      store: new SqliteAppStore(database),
      outbound: client,
      clock: systemClock,
      random: (bytes) => Buffer.alloc(bytes, ++last),
      secret: Buffer.alloc(32),
      forgotten: { has: () => false },
    })
    subscribe('undici:client:beforeConnect', onConnect)
  })
  afterEach(() => {
    unsubscribe('undici:client:beforeConnect', onConnect)
    client.close()
    database.close()
  })

  /** A user of her own for each: what one may have fetched is limited. */
  const user = (n: number) => jid(`u${n}@h`)
  const nobodyCame = () => {
    assert.equal(trap.caught, 0)
    assert.deepEqual(
      connects.filter((host) => host !== domain),
      [],
    )
  }

  it('is caught by the trap where nobody looks at it', async () => {
    // Else the rest would prove nothing.
    const allowing = new OutboundClient(['0.0.0.0/0', '::/0'], systemClock)
    for (const address of trap.addresses) {
      const host = address.includes(':') ? `[${address}]` : address
      assert.equal((await allowing.get(new URL(`http://${host}:${trap.port}/`))).body.toString(), 'secret')
    }
    allowing.close()
    assert.equal(trap.caught, trap.addresses.length)
  })

  it('is not called', async () => {
    assert(urls.length >= 60)
    let asked = 0
    for (const url of urls) {
      if (!URL.canParse(url)) continue
      asked++
      await assert.rejects(client.get(new URL(url)), OutboundError, url)
      await assert.rejects(client.check(new URL(url)), OutboundError, url)
    }
    assert(asked >= 60)
    nobodyCame()
    assert.deepEqual(connects, [])
  })

  it('says of every place of ours, of every name for it and of every name of nobody, the same', async () => {
    const said = new Set<string>()
    const faults = /http|user name|port/
    for (const url of [...urls.filter((text) => URL.canParse(text)), 'http://no-such-name.example/']) {
      const { message } = await client.get(new URL(url)).catch((error) => error)
      if (!faults.test(message)) said.add(message)
    }
    assert.deepEqual([...said], ['there is no such host on the public internet'])
  })

  it('is the domain of no app', async () => {
    for (const [n, url] of urls.filter((text) => !text.includes(WEB)).entries()) {
      const authority = url.replace(/^\w+:[\\/]*/, '').replace(/[\\/].*$/, '')
      const registered = await apps
        .register(user(n), { domain: authority, name: 'x', description: 'x' })
        .catch((e) => e)
      if (!(registered instanceof AppFault)) assert.fail(`${url} was registered as ${registered.domain ?? registered}`)
      // Without its port a name is a domain like others: it is when it is looked up that it leads nowhere.
      const host = authority.replace(/:\d+$/, '')
      const named = await apps.register(user(n), { domain: host, name: 'x', description: 'x' }).catch(() => null)
      if (named) assert.equal((await apps.verify(named, user(n))).kind, 'failed')
    }
    nobodyCame()
  })

  it('is not followed from a proof', async () => {
    const app = await apps.register(alice, { domain, name: 'x', description: 'x' })
    for (const [n, location] of urls.entries()) {
      for (const status of [301, 307]) {
        answers.set('/__presence', { status, headers: { Location: encodeURI(location) } })
        assert.equal((await apps.verify(app, user(n))).kind, 'failed')
      }
    }
    nobodyCame()
  })

  it('is not followed from a proof with the same path', async () => {
    const app = await apps.register(alice, { domain, name: 'x', description: 'x' })
    for (const [n, location] of urls.entries()) {
      answers.set('/__presence', { status: 302, headers: { Location: encodeURI(`${location}__presence`) } })
      assert.equal((await apps.verify(app, user(n))).kind, 'failed')
    }
    nobodyCame()
  })

  it('gives no icon and no webhook', async () => {
    const app = await apps.register(alice, { domain, name: 'x', description: 'x' })
    answers.set('/__presence', { body: apps.proof(app).key })
    // Three icons of a manifest are tried.
    for (let n = 0; n < urls.length; n += 3) {
      const icons = urls.slice(n, n + 3).map((src) => ({ src }))
      answers.set('/manifest.json', { body: JSON.stringify({ icons, presence: { webhook: urls[n] } }) })
      // Each has it tried a few times only, and apps have few members.
      await apps.addMember(app, alice, user(n))
      const verdict = await apps.verify(app, user(n))
      await apps.removeMember(app, alice, user(n))
      assert(verdict.kind === 'proven')
      assert.deepEqual([verdict.app.hasIcon, verdict.app.webhook], [false, null], urls[n])
    }
    nobodyCame()
    answers.set('/icon', { status: 302, headers: { Location: `http://127.0.0.1:${trap.port}/` } })
    answers.set('/manifest.json', { body: JSON.stringify({ icons: [{ src: '/icon' }] }) })
    await apps.verify(app, alice)
    answers.set('/icon', { body: PNG })
    const good = await apps.verify(app, alice)
    assert(good.kind === 'proven' && good.app.hasIcon)
    nobodyCame()
  })

  it('is the webhook of no app', async () => {
    for (const [n, url] of urls.entries()) {
      const app = await apps.register(user(n), { domain, name: 'x', description: 'x' })
      const isRefused = (error: unknown) => error instanceof AppFault && error.kind === 'bad-field'
      await assert.rejects(apps.setWebhook(app, user(n), url), isRefused, url)
      assert.equal((await apps.find(app.appid))?.webhook, null)
    }
    nobodyCame()
  })

  it('is never what a name leads to by the time that we connect', async () => {
    const url = new URL(`http://rebinding.example:${trap.port}/`)
    const there = createServer((_, response) => void response.end('public')).listen(trap.port, WEB)
    await once(there, 'listening')
    names['rebinding.example'] = [[WEB], ['127.0.0.1'], ['127.0.0.1']]
    assert.equal((await client.get(url)).body.toString(), 'public')
    assert.deepEqual(lookups, ['rebinding.example'])
    await assert.rejects(client.get(url), OutboundError)
    there.closeAllConnections()
    await once(there.close(), 'close')
    assert.equal(trap.caught, 0)
  })
})
