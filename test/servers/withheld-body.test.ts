import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { AppId } from '../../src/apps/app.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { ApiClient } from '../support/api-client.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { freePorts } from '../support/ports.js'
import { RawHttp } from '../support/raw-http.js'
import { signedIn } from '../support/signed-in.js'
import { anApp } from '../unit/an-app.js'
import { jid } from '../unit/users.js'

const APP = `app_${'c'.repeat(24)}` as AppId
const JSON_TYPE = 'application/json'
const FORM = 'application/x-www-form-urlencoded'

/** Whatever takes a body; `csrf` stands for her own. */
const WRITERS = [
  ['POST /api/tokens', JSON_TYPE, '{"name":"stolen"}'],
  ['PUT /api/me', JSON_TYPE, '{"publish":"details"}'],
  [`PATCH /api/me/grants/${APP}`, JSON_TYPE, '{"paused":true}'],
  ['POST /api/apps', JSON_TYPE, '{"domain":"stolen.example"}'],
  [`PATCH /api/apps/${APP}`, JSON_TYPE, '{"name":"stolen"}'],
  [`POST /api/apps/${APP}/members`, JSON_TYPE, '{"jid":"mallory@localhost"}'],
  [`PUT /api/apps/${APP}/webhook`, JSON_TYPE, '{"url":"https://stolen.example/"}'],
  ['POST /account/tokens', FORM, 'csrf=CSRF&name=stolen'],
  ['POST /account/publish', FORM, 'csrf=CSRF&publish=details'],
] as const

/** A process of its own; it needs no XMPP server for this. */
describe('A body that is sent after signing out', function () {
  this.timeout(30_000)
  let gateway: GatewayProcess
  let port: number
  let publicUrl: string
  /** One for each, and one more. */
  const all: { readonly user: string; readonly session: string; readonly token: string }[] = []

  before(async () => {
    ;[port = 0] = await freePorts(1)
    publicUrl = `http://127.0.0.1:${port}`
    gateway = await GatewayProcess.prepare({
      config: {
        http: { port, publicUrl },
        xmpp: { secret: 'x', service: 'xmpp://127.0.0.1:1' },
        signIn: { domains: 'any' },
      },
    })
    for (let i = 0; i <= WRITERS.length; i++) {
      const user = `user${i}@localhost`
      all.push({ user, ...(await signedIn(gateway, user)) })
    }
    const database = openDatabase(join(gateway.directory, 'data'))
    const members = all.map(({ user }) => jid(user))
    await new SqliteAppStore(database).add(anApp({ appid: APP, members }))
    database.close()
    await gateway.start()
  })
  after(() => gateway?.stop())

  /** Sends all but the body, and what `meanwhile` does, then the body. */
  async function withheld(
    request: string,
    headers: Record<string, string>,
    body: string,
    meanwhile: () => Promise<unknown>,
  ) {
    const raw = await RawHttp.open(port)
    const lines = Object.entries({ Host: 'h', Connection: 'close', 'Content-Length': `${body.length}`, ...headers })
    raw.socket.write(`${request} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
    // By then what came before has been looked at.
    for (let i = 0; i < 5; i++) await fetch(`${publicUrl}/api/me`, { headers: { Cookie: headers.Cookie ?? '' } })
    await meanwhile()
    raw.socket.write(body)
    const [answer = assert.fail('no answer')] = await raw.untilEnd()
    return answer
  }

  const asBrowser = (session: string, type: string) => ({
    Cookie: `session=${session}`,
    Origin: publicUrl,
    'Content-Type': type,
    Accept: 'application/json',
  })

  for (const [index, [request, type, body]] of WRITERS.entries()) {
    it(`does nothing (${request})`, async () => {
      const { session, token } = all[index] ?? assert.fail()
      const script = new ApiClient(publicUrl, { Authorization: `Bearer ${token}` })
      const headers = asBrowser(session, type)
      const page = await (await fetch(`${publicUrl}/account`, { headers: { Cookie: headers.Cookie } })).text()
      const csrf = /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? assert.fail(page)
      const know = async () =>
        Promise.all(['/api/tokens', '/api/me', '/api/apps'].map(async (path) => (await script.ask('GET', path)).json))
      const before = await know()
      const everywhere = () => script.ask('DELETE', '/api/me/sessions')
      const { status, body: said } = await withheld(request, headers, body.replace('CSRF', csrf), everywhere)
      assert.deepEqual([status, JSON.parse(said).errno], [401, 110], said)
      assert.deepEqual(await know(), before)
    })
  }

  it('does nothing where it is the token that was removed, and nothing for another’s token', async () => {
    const [{ session, token } = assert.fail(), other = assert.fail()] = [all.at(-1), all[0]]
    const browser = new ApiClient(publicUrl, { ...asBrowser(session, JSON_TYPE) })
    const script = { Authorization: `Bearer ${token}`, 'Content-Type': JSON_TYPE }
    const removed = await withheld('PUT /api/me', script, '{"publish":"details"}', () =>
      browser.ask('DELETE', `/api/tokens/${token.slice(0, token.indexOf('_') + 17)}`),
    )
    assert.deepEqual([removed.status, JSON.parse(removed.body).errno], [401, 112], removed.body)
    const both = { ...asBrowser(session, JSON_TYPE), Authorization: `Bearer ${other.token}` }
    const late = await withheld('POST /api/tokens', both, '{"name":"stolen"}', () =>
      browser.ask('DELETE', '/api/me/sessions'),
    )
    assert.deepEqual([late.status, JSON.parse(late.body).errno], [401, 110], late.body)
  })
})
