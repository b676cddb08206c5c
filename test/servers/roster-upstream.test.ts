import assert from 'node:assert/strict'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { freePorts } from '../support/ports.js'
import { until } from '../support/until.js'
import { answering, MISBEHAVIOURS, WebApp } from '../support/web-app.js'

const TOKEN = 'a-roster-token'
const COMPONENT = { 'presence.localhost': { name: 'Presence', groups: {} } }
// The component, too, is in it already.
const GOOD = {
  'presence.localhost': {},
  'marie@example.org': { name: 'Marie', groups: ['Friends'] },
  'bob@example.org': {},
}
const GOOD_SERVED = {
  'marie@example.org': { name: 'Marie', groups: { Friends: true } },
  'bob@example.org': { groups: {} },
}

// Its server is gone.
const DOWN = 'down'
const SITES = [...Object.keys(MISBEHAVIOURS), DOWN, 'healthy', 'partly', 'stopped']

describe('the rosters of a web app that exists', function () {
  this.timeout(30_000)
  const app = new WebApp()
  const other = new WebApp()
  let gateway: GatewayProcess

  before(async () => {
    await Promise.all([app.start(), other.start()])
    for (const site of SITES) app.behaviours.set(site, answering(GOOD))
    other.behaviours.set(DOWN, answering(GOOD))
    const [port] = await freePorts(1)
    gateway = await startGateway({
      config: {
        // Nobody listens there: rosters are served all the same.
        xmpp: { service: `xmpp://127.0.0.1:${port}`, domain: 'presence.localhost', secret: 'x' },
        domains: Object.fromEntries(
          SITES.map((site) => {
            const { url } = site === DOWN ? other : app
            return [`${site}.example`, { roster: { upstream: `${url}/${site}/%s` } }]
          }),
        ),
        roster: { tokens: [TOKEN] },
      },
    })
  })
  after(async () => {
    await gateway?.stop()
    await Promise.all([app.stop(), other.stop()])
  })

  async function call(path: string, init: RequestInit = {}, timeoutMs = 8000): Promise<unknown> {
    const headers = { Authorization: `Bearer ${TOKEN}` }
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await fetch(`${gateway.url}${path}`, { ...init, headers, signal })
    assert.equal(response.status, 200)
    return response.json()
  }
  const roster = (site: string, user: string, timeoutMs?: number) =>
    call(`/roster/${site}.example/${user}`, {}, timeoutMs)

  async function metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`${gateway.opsUrl}/metrics`)).text()
    return new Map(
      [...text.matchAll(/^presence_gateway_(\S+) (\S+)$/gm)].map(([, name = '', value]) => [name, Number(value)]),
    )
  }

  it('are passed through, in the module’s form, with the component in them', async () => {
    assert.deepEqual(await roster('healthy', 'alice'), { ...COMPONENT, ...GOOD_SERVED })
    assert.deepEqual(app.asked, ['/healthy/alice'])
    await roster('healthy', encodeURIComponent('space\\20cadet'))
    assert.equal(app.asked.at(-1), '/healthy/space%5C20cadet')
  })

  it('lack what is no contact, which the log names', async () => {
    app.behaviours.set('partly', answering({ ...GOOD, 'no jid': {}, 'eve@example.org': 'Eve' }))
    assert.deepEqual(await roster('partly', 'alice'), { ...COMPONENT, ...GOOD_SERVED })
    await until(() =>
      gateway.logLines.some(
        ({ user, what }) =>
          user === 'alice@partly.example' && what === '"no jid" is no JID of a contact; "eve@example.org" is no object',
      ),
    )
  })

  for (const site of [DOWN, ...Object.keys(MISBEHAVIOURS)]) {
    it(`are the last good copy where the app is ${site}, and the component alone where there is none`, async () => {
      await roster(site, 'alice')
      const misbehave = MISBEHAVIOURS[site]
      if (misbehave) app.behaviours.set(site, misbehave)
      else await other.stop()
      // Well before the app is given up.
      const [alice, newcomer] = await Promise.all([roster(site, 'alice', 4000), roster(site, 'newcomer')])
      assert.deepEqual(alice, { ...COMPONENT, ...GOOD_SERVED })
      assert.deepEqual(newcomer, COMPONENT)
      const known = await metrics()
      assert.equal(known.get(`stale_rosters_served_total{domain="${site}.example"}`), 2)
      assert.equal(known.get(`stale_rosters{domain="${site}.example"}`), 2)
    })
  }

  it('leave the gateway ready: nothing of it is about the app', async () => {
    const readiness = await (await fetch(`${gateway.opsUrl}/readyz`)).text()
    assert.match(readiness, /^xmpp: .*\n$/)
  })

  it('are served at once while the app is down, and come by themselves when it is up again', async () => {
    await Promise.all(['a', 'b', 'c'].map((user) => roster('failing', user)))
    assert.equal((await metrics()).get('roster_upstream_down{domain="failing.example"}'), 1)
    const before = app.asked.length
    assert.deepEqual(await roster('failing', 'd'), COMPONENT)
    assert.equal(app.asked.slice(before).includes('/failing/d'), false)
    app.behaviours.set('failing', answering({}))
    // The app says so itself, else the next try is awaited.
    assert.deepEqual(await call('/roster_admin/failing.example/refresh/alice'), {
      status: 'ok',
      message: 'roster update complete',
    })
    assert.deepEqual(await roster('failing', 'alice'), COMPONENT)
    await until(async () => (await metrics()).get('stale_rosters{domain="failing.example"}') === 0)
    assert.equal((await metrics()).get('roster_upstream_down{domain="failing.example"}'), 0)
    assert(app.asked.includes('/failing/d'))
  })

  it('are refused a refresh for a name that nobody has, which is no news for the log', async () => {
    const headers = { Authorization: `Bearer ${TOKEN}` }
    const { status } = await fetch(`${gateway.url}/roster_admin/healthy.example/refresh/a%20b`, { headers })
    assert.equal(status, 500)
    assert.deepEqual(
      gateway.logLines.filter(({ msg }) => msg === 'unexpected error'),
      [],
    )
  })

  it('are asked for anew when the app says that they changed', async () => {
    app.behaviours.set('healthy', answering({ 'new@example.org': {} }))
    const body = JSON.stringify(['alice', 'carol'])
    assert.deepEqual(await call('/roster_admin/healthy.example/refresh', { method: 'POST', body }), {
      status: 'ok',
      message: 'roster update complete',
      updated: 2,
      errors: 0,
    })
    app.behaviours.delete('healthy')
    assert.deepEqual(await roster('healthy', 'carol'), { ...COMPONENT, 'new@example.org': { groups: {} } })
  })

  it('are the last good copy after kill -9, too', async () => {
    await roster('stopped', 'alice')
    await gateway.kill9()
    await app.stop()
    await gateway.start()
    assert.deepEqual(await roster('stopped', 'alice'), { ...COMPONENT, ...GOOD_SERVED })
    assert.deepEqual(await roster('down', 'alice'), { ...COMPONENT, ...GOOD_SERVED })
  })
})
