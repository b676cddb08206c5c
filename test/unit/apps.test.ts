import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { APP_LIMITS, type App } from '../../src/apps/app.js'
import { AppFault, type AppFaultKind } from '../../src/apps/app-fault.js'
import { Apps } from '../../src/apps/apps.js'
import { OutboundClient } from '../../src/http/outbound-client.js'
import { systemClock } from '../../src/ops/system-clock.js'
import type { BareJid } from '../../src/presence/jid.js'
import { type Database, openDatabase } from '../../src/storage/database.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { AppSite } from '../support/app-site.js'
import { until } from '../support/until.js'
import { FakeClock } from './fake-clock.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid } from './users.js'

const PNG = Buffer.from('\x89PNG\r\n\x1a\nand so on', 'latin1')
const GIF = Buffer.from('GIF89a and so on')
const HOUR = 3_600_000

/** Over the real client and a real database. */
describe('Applications', () => {
  const directory = temporaryDirectory()
  const alice = jid('alice@h')
  const bob = jid('bob@h')
  const secret = randomBytes(32)
  const deleted = new Set<BareJid>()
  const forgotten = { has: (user: BareJid) => deleted.has(user) }
  let site: AppSite
  let database: Database
  let clock: FakeClock
  let outbound: OutboundClient
  let apps: Apps
  beforeEach(async () => {
    deleted.clear()
    site = await AppSite.start()
    database = openDatabase(directory())
    clock = new FakeClock()
    outbound = new OutboundClient(['127.0.0.0/8'], systemClock, async (name) =>
      name.endsWith('.test') ? ['127.0.0.1'] : ['10.0.0.1'],
    )
    apps = new Apps({ store: new SqliteAppStore(database), outbound, clock, random: randomBytes, secret, forgotten })
  })
  afterEach(async () => {
    outbound.close()
    database.close()
    await site.stop()
  })

  const named = { name: 'An app', description: 'It does things' }
  const register = (user = alice) => apps.register(user, { domain: site.domain, ...named })
  const show = (app: App) => site.files.set('/__presence', apps.proof(app).key)
  const manifest = (said: unknown) => site.files.set('/manifest.webmanifest', JSON.stringify(said))
  async function verified(app: App): Promise<App> {
    show(app)
    const verdict = await apps.verify(app, alice)
    assert(verdict.kind === 'proven', JSON.stringify(verdict))
    return verdict.app
  }
  async function activated(): Promise<{ app: App; key: string }> {
    return apps.activate(await verified(await register()), alice)
  }
  function fault(kind: AppFaultKind, message: RegExp = /./) {
    return (error: unknown) => error instanceof AppFault && error.kind === kind && message.test(error.message)
  }

  describe('that are registered', () => {
    it('belong to whoever registered them, and to nobody else', async () => {
      const app = await register()
      assert.match(app.appid, /^app_[\w-]{24}$/)
      assert.deepEqual(await apps.of(alice), [app])
      assert.deepEqual(await apps.managed(alice, app.appid), app)
      assert.equal(await apps.managed(bob, app.appid), null)
      assert.equal(await apps.managed(alice, 'app_none'), null)
      assert.deepEqual(await apps.find(app.appid), app)
      assert.deepEqual(site.asked, [])
    })

    it('are of nobody who was deleted while the manifest was fetched', async () => {
      manifest({ name: 'Manifest' })
      const registering = apps.register(alice, { domain: site.domain })
      deleted.add(alice)
      await assert.rejects(registering, fault('not-found'))
      assert.deepEqual(await apps.of(alice), [])
    })

    it('say nothing of whoever is added as a member, and count to those only who registered them', async () => {
      const app = await register(bob)
      deleted.add(alice)
      assert.deepEqual((await apps.addMember(app, bob, alice)).members, [alice, bob])
      deleted.clear()
      const busy = jid('busy@h')
      const insert = database.prepare('INSERT INTO app_member (appid, user, registered) VALUES (?, ?, 1)')
      for (let n = 1; n <= APP_LIMITS.appsOfUser; n++) insert.run(`app_${n}`, busy)
      assert.equal((await apps.addMember(app, bob, busy)).members.length, 3)
      await assert.rejects(register(busy), fault('too-many'))
      const victim = jid('victim@h')
      database.prepare('UPDATE app_member SET registered = 0, user = ? WHERE user = ?').run(victim, busy)
      await register(victim)
    })

    it('cannot be left to others by who registered them; who takes her out has them count to herself', async () => {
      const app = await register()
      await apps.addMember(app, alice, bob)
      await assert.rejects(apps.removeMember(app, alice, alice), fault('wrong-state', /you registered it/))
      assert.deepEqual((await apps.removeMember(app, bob, alice)).members, [bob])
      await apps.addMember(app, bob, alice)
      await assert.rejects(apps.removeMember(app, bob, bob), fault('wrong-state', /you registered it/))
      assert.deepEqual((await apps.removeMember(app, alice, alice)).members, [bob])
    })

    it('are not registered by who waits for slow servers already, five at once', async () => {
      const asked: ServerResponse[] = []
      site.files.set('/manifest.webmanifest', (_, response) => void asked.push(response))
      const slow = Array.from({ length: 5 }, () => apps.register(alice, { domain: site.domain }).catch(() => {}))
      await assert.rejects(register(), fault('too-often', /at most 5 at once/))
      await register(bob)
      await until(() => asked.length === 5)
      for (const response of asked) response.end('{"name":"Slow","presence":{"description":"D"}}')
      await Promise.all(slow)
      await register()
    })

    it('take from the manifest what is left out', async () => {
      manifest({ name: 'Manifest', presence: { description: 'Described' } })
      const app = await apps.register(alice, { domain: site.domain })
      assert.deepEqual([app.name, app.description], ['Manifest', 'Described'])
      const half = await apps.register(alice, { domain: site.domain, name: 'Mine' })
      assert.deepEqual([half.name, half.description], ['Mine', 'Described'])
    })

    it('take it from manifest.json, too, or are called like their domain', async () => {
      const plain = await apps.register(alice, { domain: site.domain })
      assert.deepEqual([plain.name, plain.description], [site.domain, ''])
      site.files.set('/manifest.json', '{"short_name":"Short"}')
      assert.equal((await apps.register(alice, { domain: site.domain })).name, 'Short')
    })

    it('have a domain as A-labels', async () => {
      const expected = {
        'Example.ORG': 'example.org',
        'example.org.': 'example.org',
        ' example.org ': 'example.org',
        'Bücher.example': 'xn--bcher-kva.example',
        'a_b.example.org': 'a_b.example.org',
        '127.0.0.1': '127.0.0.1',
        '127.0.0.1:80': '127.0.0.1',
        '127.0.0.1:8000': '127.0.0.1:8000',
        '127.1:8000': '127.0.0.1:8000',
        'localhost:3000': 'localhost:3000',
        'dev.test:3000': 'dev.test:3000',
      }
      for (const [domain, kept] of Object.entries(expected)) {
        assert.equal((await apps.register(alice, { domain, ...named })).domain, kept)
      }
    })

    it('have no domain that is none, or not of the public internet', async () => {
      for (const [n, domain] of [
        '',
        '.',
        '..',
        ':80',
        'http://example.org',
        'example.org/',
        'example.org?x',
        'example.org#x',
        'user@example.org',
        'example.org:port',
        'example.org:',
        'example.org:99999',
        'example.org:8080',
        'exa mple.org',
        'example..org',
        '-example.org',
        'example.org\\@evil.example',
        'straße.example',
        'single',
        '10.0.0.1',
        '1.2.3',
        '999.1.1.1',
        'a.1.2.3.4',
        '[::1]',
        '[::1',
        '::1',
        'xn--a.example',
        'x.localhost.example:1',
        `${'a'.repeat(64)}.example`,
        `${'a.'.repeat(127)}example`,
        '*.example.org',
        'exam%70le.org',
      ].entries()) {
        // Each is counted.
        const user = jid(`u${n}@h`)
        await assert.rejects(apps.register(user, { domain, ...named }), fault('bad-field', /^domain: /), domain)
      }
    })

    it('have names that nobody is fooled by', async () => {
      const clean = {
        '  two\t\nlines ': 'two lines',
        'a\u202eb\u2066c\u200bd\u00ade': 'abcde',
        'bell\u0007\u001b[31m': 'bell [31m',
        'e\u0301': '\u00e9',
        '👩\u200d💻 ❤\ufe0f': '👩\u200d💻 ❤\ufe0f',
        '\ud800x': '\ufffdx',
        'x\uffff\ue000': 'x\ufffd\ufffd',
        '<b>&amp;': '<b>&amp;',
      }
      for (const [name, kept] of Object.entries(clean)) {
        assert.equal((await apps.register(alice, { domain: 'example.org', name, description: 'd' })).name, kept)
      }
      const piled = await apps.register(alice, {
        domain: 'example.org',
        name: `q${'\u0323'.repeat(50)}`,
        description: 'd',
      })
      assert.equal([...piled.name].length, 5)
      const blank = await apps.register(alice, {
        domain: 'example.org',
        name: '\u3164\u2800 '.slice(0, 1),
        description: 'd',
      })
      assert.equal(blank.name, 'example.org')
    })

    it('have names and descriptions of some length', async () => {
      const longest = { domain: 'example.org', name: '𝔁'.repeat(100), description: '𝔁'.repeat(1000) }
      assert.equal((await apps.register(alice, longest)).name, longest.name)
      for (const field of ['name', 'description'] as const) {
        const said = { ...longest, [field]: `${longest[field]}x` }
        await assert.rejects(apps.register(alice, said), fault('bad-field', new RegExp(`^${field}: is longer`)))
        await assert.rejects(apps.register(alice, { ...said, [field]: 'x'.repeat(10_000_000) }), fault('bad-field'))
      }
    })

    it('are bounded for each user, however many are registered at once', async () => {
      const rows = database.prepare('INSERT INTO app_member (appid, user, registered) VALUES (?, ?, 1)')
      const insert = database.prepare(
        "INSERT INTO app SELECT ?, 'd', 'n', '', 'status', '[]', 0, NULL, 0, NULL, NULL, NULL, NULL, 0, NULL",
      )
      for (let n = 3; n <= APP_LIMITS.appsOfUser; n++) {
        insert.run(`app_${n}`)
        rows.run(`app_${n}`, alice)
      }
      const results = await Promise.allSettled([register(), register(), register(), register()])
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 2)
      await assert.rejects(register(), fault('too-many'))
      await register(bob)
    })
  })

  describe('that are to be proven', () => {
    it('show a key of 1,024 characters, each its own, that does not change', async () => {
      const app = await register()
      const { url, key } = apps.proof(app)
      assert.equal(url, `http://${site.domain}/__presence`)
      assert.match(key, /^[\w-]{1024}$/)
      assert.notEqual(apps.proof(await register()).key, key)
      const anew = new Apps({
        store: new SqliteAppStore(database),
        outbound,
        clock,
        random: randomBytes,
        secret,
        forgotten,
      })
      assert.equal(anew.proof(app).key, key)
    })

    it('are proven by it, with white space around it or without', async () => {
      const app = await register()
      const { key } = apps.proof(app)
      for (const text of [key, ` \r\n${key}\r\n\t`, `\ufeff${key}\n`]) {
        site.files.set('/__presence', text)
        const verdict = await apps.verify(app, alice)
        assert(verdict.kind === 'proven' && verdict.app.verifiedAt === clock.now())
      }
    })

    it('are told precisely what was found instead', async () => {
      const app = await register()
      const { key, url } = apps.proof(app)
      const wrong = key[16] === 'x' ? 'y' : 'x'
      const first = key[0]
      const expected: [string | Buffer, string][] = [
        ['', 'it is empty'],
        [' \n', 'it is empty'],
        [key.slice(0, 512), 'it stops after 512 of 1024 characters'],
        [key.slice(0, 1023), 'it stops after 1023 of 1024 characters'],
        [`${key}x`, 'it goes on after the key: character 1025 is "x"'],
        [`${key}\n${key}`, 'it goes on after the key: character 1025 is U+000A'],
        [
          key.slice(0, 16) + wrong + key.slice(17),
          `it differs at character 17: expected "${key[16]}", found "${wrong}"`,
        ],
        ['<!DOCTYPE html>', `it differs at character 1: expected "${first}", found "<"; it looks like a page`],
        ['\u202e', `it differs at character 1: expected "${first}", found U+202E`],
        ['😀', `it differs at character 1: expected "${first}", found "😀"`],
        [Buffer.from([0xff]), 'it is not in UTF-8; save it as plain text'],
        [Buffer.from(`\ufeff${key}`, 'utf16le'), 'it is in UTF-16; save it as plain text, in UTF-8'],
        [
          `${key.slice(0, 76)}\r\n${key.slice(76, 900)} ${key.slice(900)}`,
          'there is white space in the middle of it, from character 77 on; the key is one line',
        ],
        [`"${key}"`, `it differs at character 1: expected "${first}", found """`],
        ['x'.repeat(70_000), 'its answer is longer than 65536 bytes'],
      ]
      for (const [text, found] of expected) {
        site.files.set('/__presence', text)
        assert.deepEqual(await apps.verify(app, alice), { kind: 'failed', found: `${url}: ${found}` })
      }
      assert.equal((await apps.find(app.appid))?.verifiedAt, null)
    })

    it('are told of a server that answers something else, or nothing', async () => {
      const app = await register()
      const { url } = apps.proof(app)
      const found = async () => {
        const verdict = await apps.verify(app, alice)
        return verdict.kind === 'failed' && verdict.found.replace(`${url}: `, '')
      }
      assert.equal(await found(), 'it answers 404, not 200')
      site.files.set('/__presence', (_, response) => void response.writeHead(204).end())
      assert.equal(await found(), 'it answers 204, not 200')
      const elsewhere = `https://other.example/${'x'.repeat(100)}`
      site.files.set('/__presence', (_, response) => void response.writeHead(302, { Location: elsewhere }).end())
      const shown = `${elsewhere.slice(0, 60)}…`
      assert.equal(await found(), `it redirects to ${shown}; only https on the same host and path is followed`)
      site.files.set('/__presence', (_, response) => void response.writeHead(302).end())
      assert.equal(await found(), 'it answers 302, not 200')
      site.files.set('/__presence', (request) => void request.socket.destroy())
      assert.equal(await found(), 'it closed the connection before its answer was whole')
    })

    it('follow one redirect, to https on the same host and path', async () => {
      const app = await register()
      const followed = [
        [`https://${site.domain}/__presence`, true],
        ['https://127.0.0.1/__presence', true],
        [`https://${site.domain}/__presence/`, false],
        [`https://${site.domain}/__presence?a`, false],
        [`https://${site.domain}/__presence#a`, false],
        [`https://user@${site.domain}/__presence`, false],
        ['https://127.0.0.1:1234/__presence', false],
        ['https://127.0.0.2/__presence', false],
        [`http://${site.domain}/__presence`, false],
        ['/__presence', false],
        ['/other', false],
        ['//127.0.0.2/__presence', false],
      ] as const
      for (const [Location, isFollowed] of followed) {
        site.files.set('/__presence', (_, response) => void response.writeHead(301, { Location }).end())
        const verdict = await apps.verify(app, alice)
        assert(verdict.kind === 'failed')
        assert.equal(!verdict.found.includes('only https on the same host'), isFollowed, Location)
      }
    })

    it('stay proven when a later try fails', async () => {
      const app = await verified(await register())
      site.files.delete('/__presence')
      assert.equal((await apps.verify(app, alice)).kind, 'failed')
      assert.notEqual((await apps.find(app.appid))?.verifiedAt, null)
    })

    it('are tried 30 times in 10 minutes for one user, registering included', async () => {
      const app = await register()
      for (let n = 2; n <= 30; n++) await apps.verify(app, alice)
      await assert.rejects(apps.verify(app, alice), fault('too-often'))
      await assert.rejects(register(), fault('too-often'))
      assert.equal((await apps.verify(app, bob)).kind, 'failed')
    })
  })

  describe('with a manifest', () => {
    it('take from it the icon, the scope, and the description and the webhook that they have not', async () => {
      const webhook = 'http://127.0.0.1:9000/hook'
      manifest({
        icons: [
          { src: '/small.png', sizes: '48x48' },
          { src: 'large.gif', sizes: '96x96 512x512' },
        ],
        presence: { description: 'D', scope: 'address details', webhook },
      })
      site.files.set('/small.png', PNG).set('/large.gif', GIF)
      const app = await verified(await apps.register(alice, { domain: site.domain, ...named }))
      assert.deepEqual(app.scope, ['status', 'details', 'address'])
      assert.deepEqual([app.hasIcon, app.description, app.webhook], [true, named.description, webhook])
      assert.deepEqual(await apps.icon(app.appid), { type: 'image/gif', image: GIF })
      await apps.edit(app, alice, { description: '' })
      await apps.setWebhook(app, alice, 'https://127.0.0.1/mine')
      const again = await verified(app)
      assert.deepEqual([again.description, again.webhook], ['D', 'https://127.0.0.1/mine'])
    })

    it('have the largest icon that can be had: none that is longer than 64 KiB, or no image', async () => {
      manifest({
        icons: [
          { src: '/huge.png', sizes: '1024x1024' },
          { src: '/page.png', sizes: '512x512', type: 'image/png' },
          { src: '/good.png', sizes: '192x192' },
          { src: '/small.png', sizes: '16x16' },
        ],
      })
      site.files.set('/huge.png', Buffer.concat([PNG, Buffer.alloc(70_000)])).set('/good.png', PNG)
      site.files.set('/page.png', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')
      const app = await verified(await register())
      assert.deepEqual(await apps.icon(app.appid), { type: 'image/png', image: PNG })
      // It stays while it cannot be fetched, and goes when none is named any more.
      site.files.delete('/good.png')
      assert((await verified(app)).hasIcon)
      manifest({ icons: [] })
      assert(!(await verified(app)).hasIcon)
    })

    it('are proven, and registered, in 8 s by a domain that never answers for its manifest', async () => {
      const timed = new FakeClock()
      const patient = new OutboundClient(['127.0.0.0/8'], timed)
      const store = new SqliteAppStore(database)
      const slow = new Apps({ store, outbound: patient, clock, random: randomBytes, secret, forgotten })
      for (const path of ['/manifest.webmanifest', '/manifest.json']) site.files.set(path, () => {})
      const registering = slow.register(alice, { domain: site.domain })
      await until(() => site.asked.length === 1)
      timed.pass(5000)
      await until(() => site.asked.length === 2)
      timed.pass(3000)
      const app = await registering
      assert.equal(app.name, site.domain)
      show(app)
      site.files.set('/manifest.webmanifest', (_, response) =>
        response.end('{"icons":[{"src":"/1"},{"src":"/2"}],"presence":{"webhook":"https://127.0.0.1/hook"}}'),
      )
      for (const path of ['/1', '/2']) site.files.set(path, () => {})
      const verifying = slow.verify(app, alice)
      await until(() => site.asked.at(-1) === '/1')
      timed.pass(5000)
      await until(() => site.asked.at(-1) === '/2')
      timed.pass(3000)
      const verdict = await verifying
      assert(verdict.kind === 'proven' && verdict.app.webhook === 'https://127.0.0.1/hook' && !verdict.app.hasIcon)
      patient.close()
    })

    it('lose nothing by a manifest that is hostile', async () => {
      const hostile: unknown[] = [
        null,
        [],
        'text',
        17,
        { name: { toString: 'x' }, icons: {}, presence: [] },
        { name: 1, icons: [null, 1, 'x', [], {}, { src: {} }], presence: { description: 1, scope: [], webhook: {} } },
        { icons: Array.from({ length: 10_000 }, () => ({ src: 'x' })).slice(0, 4000), presence: { scope: '' } },
        {
          icons: [{ src: 'javascript:alert(1)' }, { src: 'data:image/png;base64,AAAA' }, { src: 'file:///etc/passwd' }],
        },
        { icons: [{ src: 'http://10.0.0.1/x.png' }, { src: 'http://[' }, { src: '/x', sizes: '9'.repeat(30_000) }] },
        { presence: { webhook: 'javascript:alert(1)', scope: 'everything __proto__' } },
        { presence: { webhook: 'http://10.0.0.1/', description: '\u202e' } },
        { __proto__: { name: 'x' }, constructor: 'x' },
      ]
      const texts = [
        ...hostile.map((said) => JSON.stringify(said)),
        '{"__proto__":{"name":"x"},"presence":{"__proto__":{"webhook":"x"}}}',
        `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
        `{"icons":${'{"a":'.repeat(10_000)}`,
        '{"name":"\\ud800"}',
        'x'.repeat(70_000),
        '\0\0\0',
      ]
      const app = await register()
      show(app)
      for (const [n, text] of texts.entries()) {
        site.files.set('/manifest.webmanifest', text)
        await apps.addMember(app, alice, jid(`u${n}@h`))
        const verdict = await apps.verify(app, jid(`u${n}@h`))
        assert(verdict.kind === 'proven', text.slice(0, 100))
        const { name, description, scope, webhook, hasIcon } = verdict.app
        assert.deepEqual({ name, description }, named)
        assert.deepEqual([scope, webhook, hasIcon], [['status'], null, false], text.slice(0, 100))
      }
      assert(site.asked.filter((path) => path === '/x').length <= 6)
    })

    it('have a name from it that is cleaned and cut', async () => {
      manifest({ name: `\u202e${'n'.repeat(5000)}`, presence: { description: '𝔁'.repeat(5000) } })
      const { name, description } = await apps.register(alice, { domain: site.domain })
      assert.deepEqual([name, description], ['n'.repeat(100), '𝔁'.repeat(1000)])
    })
  })

  describe('with a key', () => {
    it('need a proven domain', async () => {
      const app = await register()
      await assert.rejects(apps.activate(app, alice), fault('wrong-state', /not proven/))
      await assert.rejects(apps.rotate(app, alice), fault('wrong-state'))
      await assert.rejects(apps.deactivate(app, alice), fault('wrong-state'))
    })

    it('are known by it, and by no other', async () => {
      const { app, key } = await activated()
      assert.match(key, /^[\w-]{1024}$/)
      assert.deepEqual(await apps.withKey(app.appid, key), app)
      const other = await activated()
      for (const wrong of ['', 'x', key.slice(0, -1), `${key}x`, key.toLowerCase(), other.key, 'x'.repeat(1_000_000)]) {
        assert.equal(await apps.withKey(app.appid, wrong), null)
      }
      assert.equal(await apps.withKey('app_none', key), null)
      await assert.rejects(apps.activate(app, alice), fault('wrong-state', /active already/))
    })

    it('are known by the one before for an hour more', async () => {
      const { app, key } = await activated()
      const second = await apps.rotate(app, alice)
      clock.pass(HOUR - 1)
      for (const one of [key, second]) assert(await apps.withKey(app.appid, one))
      clock.pass(1)
      assert.equal(await apps.withKey(app.appid, key), null)
      assert(await apps.withKey(app.appid, second))
      const third = await apps.rotate(app, alice)
      for (const one of [second, third]) assert(await apps.withKey(app.appid, one))
    })

    it('are known for that hour by the one that was in use, though another is asked for twice', async () => {
      const { app, key } = await activated()
      const unseen = await apps.rotate(app, alice)
      clock.pass(HOUR / 2)
      const shown = await apps.rotate(app, alice)
      for (const one of [key, shown]) assert(await apps.withKey(app.appid, one))
      assert.equal(await apps.withKey(app.appid, unseen), null)
      clock.pass(HOUR / 2)
      assert.equal(await apps.withKey(app.appid, key), null)
      assert(await apps.withKey(app.appid, shown))
    })

    it('are known, as not active, when deactivated; activated again, by a new one alone', async () => {
      const { app, key } = await activated()
      await apps.rotate(app, alice)
      assert.equal((await apps.deactivate(app, alice)).active, false)
      assert.equal((await apps.withKey(app.appid, key))?.active, false)
      const again = await apps.activate(app, alice)
      assert.equal(await apps.withKey(app.appid, key), null)
      assert((await apps.withKey(app.appid, again.key))?.active)
    })

    it('leave neither it nor any other secret in the database', async () => {
      const { app, key } = await activated()
      const second = await apps.rotate(app, alice)
      const webhook = await apps.setWebhook(app, alice, 'https://127.0.0.1/hook')
      const secrets = [key, second, apps.proof(app).key, webhook ?? '']
      assert(secrets.every((text) => text.length > 40))
      const raw = readdirSync(directory()).map((file) => readFileSync(join(directory(), file)))
      assert(raw.some((bytes) => bytes.includes(app.appid)))
      for (const text of secrets) {
        // Nor its bytes, nor a piece of it.
        const pieces = [text.slice(0, 40), Buffer.from(text.replace('whsec_', ''), 'base64url').subarray(0, 24)]
        for (const piece of pieces) assert(raw.every((bytes) => !bytes.includes(piece)))
      }
    })
  })

  describe('that are changed', () => {
    it('keep what is not said', async () => {
      const app = await register()
      await apps.edit(app, alice, { name: 'New' })
      await apps.edit(app, alice, { description: '' })
      const changed = await apps.edit(app, alice, {})
      assert.deepEqual(changed, { ...app, name: 'New', description: '' })
      await assert.rejects(apps.edit(app, alice, { name: ' \u200b' }), fault('bad-field', /^name: must not be empty/))
    })

    it('have subdomains as further hosts, and nothing else', async () => {
      const app = await apps.register(alice, { domain: 'example.org', ...named })
      const { hosts } = await apps.edit(app, alice, {
        hosts: ['App.example.org', 'a.b.example.org.', 'ü.example.org', 'app.example.org'],
      })
      assert.deepEqual(hosts, ['app.example.org', 'a.b.example.org', 'xn--tda.example.org'])
      for (const host of [
        '',
        '.',
        'example.org',
        '.example.org',
        'evilexample.org',
        'evil-example.org',
        'app.example.org.evil.example',
        'app.example.com',
        'org',
        'app.example.org:8080',
        'https://app.example.org',
        'app.example.org/',
        'user@app.example.org',
        'evil.example\\.example.org',
        'evil.example/.example.org',
        'evil.example#.example.org',
        'evil.example%2f.example.org',
        '*.example.org',
        'a..example.org',
        'a b.example.org',
        'app.example.orɡ',
        '127.0.0.1',
      ]) {
        await assert.rejects(apps.edit(app, alice, { hosts: [host] }), fault('bad-field', /^hosts: /), host)
      }
      assert.deepEqual((await apps.find(app.appid))?.hosts, hosts)
      const many = Array.from({ length: APP_LIMITS.hosts + 1 }, (_, n) => `h${n}.example.org`)
      await assert.rejects(apps.edit(app, alice, { hosts: many }), fault('too-many'))
      const local = await apps.register(alice, { domain: 'localhost:3000', ...named })
      assert.deepEqual((await apps.edit(local, alice, { hosts: ['a.localhost:3000'] })).hosts, ['a.localhost:3000'])
      await assert.rejects(apps.edit(local, alice, { hosts: ['a.localhost'] }), fault('bad-field'))
    })

    it('lose no change to another made at the same time', async () => {
      const app = await register()
      show(app)
      const verdict = apps.verify(app, alice)
      await Promise.all([
        apps.edit(app, alice, { name: 'New' }),
        apps.edit(app, alice, { description: 'Newer' }),
        apps.setWebhook(app, alice, 'https://127.0.0.1/hook'),
        apps.addMember(app, alice, bob),
      ])
      assert.equal((await verdict).kind, 'proven')
      const { name, description, webhook, members, verifiedAt } = (await apps.find(app.appid)) ?? app
      assert.deepEqual([name, description, webhook], ['New', 'Newer', 'https://127.0.0.1/hook'])
      assert.deepEqual([members, verifiedAt], [[alice, bob], clock.now()])
    })

    it('have a webhook with a secret that stays until it is rotated', async () => {
      const app = await register()
      await assert.rejects(apps.rotateWebhook(app, alice), fault('wrong-state'))
      const first = await apps.setWebhook(app, alice, 'https://127.0.0.1/hook#part')
      assert.match(first ?? '', /^whsec_[A-Za-z0-9+/]{43}=$/)
      assert.equal(await apps.setWebhook(app, alice, 'http://localhost:9000/other'), first)
      assert.equal((await apps.find(app.appid))?.webhook, 'http://localhost:9000/other')
      const second = await apps.rotateWebhook(app, alice)
      assert.notEqual(second, first)
      assert.equal(await apps.setWebhook(app, alice, 'https://127.0.0.1/hook'), second)
      assert.equal(await apps.setWebhook(app, alice, null), null)
      assert.equal((await apps.find(app.appid))?.webhook, null)
      const other = await apps.setWebhook(await register(), alice, 'https://127.0.0.1/hook')
      assert.notEqual(other, first)
    })

    it('have no webhook that is none, or leads inside', async () => {
      const app = await register()
      for (const url of [
        '',
        'hook',
        '/hook',
        'ftp://127.0.0.1/',
        'http://1.1.1.1/hook',
        'https://10.0.0.1/hook',
        'https://inner.example/hook',
        'https://user:pass@127.0.0.1/hook',
        'https://127.0.0.1:25/hook',
        `https://127.0.0.1/${'x'.repeat(2000)}`,
      ]) {
        await assert.rejects(apps.setWebhook(app, alice, url), fault('bad-field', /^url: /), url)
      }
      assert.equal(
        await apps.setWebhook(app, alice, 'https://1.1.1.1:8443/hook').then((text) => text?.slice(0, 6)),
        'whsec_',
      )
    })

    it('have members, of whom the last one stays', async () => {
      const app = await register()
      await assert.rejects(apps.removeMember(app, alice, alice), fault('wrong-state', /last member/))
      await assert.rejects(apps.removeMember(app, alice, bob), fault('not-found'))
      await apps.addMember(app, alice, bob)
      assert.deepEqual((await apps.addMember(app, alice, bob)).members, [alice, bob])
      assert.equal((await apps.managed(bob, app.appid))?.appid, app.appid)
      // Each the other at once: one stays, and does not come back by what she had under way.
      const results = await Promise.allSettled([
        apps.removeMember(app, bob, alice),
        apps.removeMember(app, alice, bob),
        apps.addMember(app, alice, alice),
      ])
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'rejected'],
      )
      assert.deepEqual((await apps.find(app.appid))?.members, [bob])
    })

    it('are changed by nobody who is no member at that moment, or deleted', async () => {
      const { app } = await activated()
      await apps.setWebhook(app, alice, 'https://127.0.0.1/hook')
      const before = await apps.find(app.appid)
      const mallory = jid('mallory@h')
      const changes = (by: BareJid) => [
        () => apps.verify(app, by),
        () => apps.rotate(app, by),
        () => apps.edit(app, by, { name: 'Mine' }),
        () => apps.setWebhook(app, by, null),
        () => apps.setWebhook(app, by, 'https://127.0.0.1/mine'),
        () => apps.rotateWebhook(app, by),
        () => apps.addMember(app, by, mallory),
        () => apps.removeMember(app, by, alice),
        () => apps.deactivate(app, by),
        () => apps.activate(app, by),
        () => apps.remove(app, by),
      ]
      for (const change of changes(mallory)) await assert.rejects(change(), fault('not-found', /not yours/))
      deleted.add(alice)
      for (const change of changes(alice)) await assert.rejects(change(), fault('not-found', /not yours/))
      assert.deepEqual(await apps.find(app.appid), before)
    })

    it('have a bounded number of members', async () => {
      const app = await register()
      for (let n = 2; n <= APP_LIMITS.members; n++) await apps.addMember(app, alice, jid(`u${n}@h`))
      await assert.rejects(apps.addMember(app, alice, bob), fault('too-many'))
    })

    it('are gone when deleted, also for who still has them in her hand', async () => {
      const { app, key } = await activated()
      database
        .prepare(
          "INSERT INTO app_grant VALUES ('u@h', ?, 'UID1', 'status', 0, 1, 0), ('u@h', 'app_x', 'UID2', 'status', 0, 1, 0)",
        )
        .run(app.appid)
      const stops: [string, string[]][] = []
      const unlisten = apps.onStop(({ appid, gone }) => stops.push([appid, gone.map(({ uid }) => uid)]))
      const late = apps.verify(app, alice)
      await apps.deactivate(app, alice)
      await apps.remove(app, alice)
      apps.gone([app.appid])
      assert.deepEqual(stops, [
        [app.appid, []],
        [app.appid, ['UID1']],
        [app.appid, []],
      ])
      unlisten()
      assert.equal(await apps.find(app.appid), null)
      assert.equal(await apps.withKey(app.appid, key), null)
      assert.deepEqual(await apps.of(alice), [])
      assert.deepEqual(database.prepare('SELECT uid FROM app_grant').pluck().all(), ['UID2'])
      await assert.rejects(late, fault('not-found'))
      for (const change of [
        () => apps.edit(app, alice, { name: 'x' }),
        () => apps.addMember(app, alice, bob),
        () => apps.activate(app, alice),
        () => apps.setWebhook(app, alice, 'https://127.0.0.1/hook'),
      ]) {
        await assert.rejects(change(), fault('not-found'))
      }
    })
  })
})
