import assert from 'node:assert/strict'
import type { Element } from '@xmpp/client'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import { answering, type Behaviour, MISBEHAVIOURS, WebApp } from '../support/web-app.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const TOKEN = 'roster-token'
const COMPONENT = 'presence.localhost'
const good = answering({ 'marie@localhost': { name: 'Marie', groups: ['Friends'] }, 'no jid': {} })
const GOOD = [
  ['marie@localhost', 'Marie', 'Friends'],
  [COMPONENT, 'Presence', ''],
]

describe('Whoever logs in to Prosody while a web app has the rosters', function () {
  this.timeout(60_000)
  const app = new WebApp()
  let server: XmppServer
  let gateway: GatewayProcess
  let user: XmppUser | undefined

  before(async () => {
    await app.start()
    const [port] = await freePorts(1)
    const rosters = { address: `127.0.0.1:${port}`, token: TOKEN }
    server = await startProsody({ mode: 'roster-module', rosters, users: ['alice', 'bob'], httpModules: ['http'] })
    const refreshUrl = `http://localhost:${server.httpPort}/roster_admin/refresh`
    const upstream = `${app.url}/contacts/%s`
    gateway = await startGateway({
      server,
      config: {
        http: { port },
        domains: { localhost: { publish: 'details', roster: { upstream, refreshUrl } } },
        roster: { tokens: [TOKEN] },
      },
    })
  })
  after(async () => {
    await gateway?.stop()
    await server?.stop()
    await app.stop()
  })
  afterEach(async () => {
    await user?.logout()
    user = undefined
  })

  const behave = (behaviour: Behaviour) => void app.behaviours.set('contacts', behaviour)

  /** Her contacts, with name and groups, and she stays. */
  async function enter(local: string): Promise<string[][]> {
    user = await XmppUser.login({ port: server.c2sPort, jid: `${local}@localhost` })
    const roster = await user.roster()
    await user.setPresence()
    return roster.map(({ jid, name, groups }) => [jid, name ?? '', groups.join()]).sort()
  }

  const pushed = (jid: string, subscription: string) =>
    user?.nextStanza((stanza: Element) => {
      const item = stanza.getChild('query', 'jabber:iq:roster')?.getChild('item')
      return stanza.attrs.type === 'set' && item?.attrs.jid === jid && item.attrs.subscription === subscription
    })

  it('has the contacts that it says, and the gateway', async () => {
    behave(good)
    assert.deepEqual(await enter('alice'), GOOD)
  })

  for (const [what, behaviour] of Object.entries(MISBEHAVIOURS)) {
    it(`has the same contacts when it is ${what}`, async () => {
      behave(behaviour)
      assert.deepEqual(await enter('alice'), GOOD)
    })
  }

  it('has them when it is down', async () => {
    await app.stop()
    assert.deepEqual(await enter('alice'), GOOD)
    await app.start()
  })

  it('has the gateway alone when it never gave any, and the others as soon as it does', async () => {
    behave((_request, response) => void response.writeHead(500).end())
    assert.deepEqual(await enter('bob'), [GOOD[1]])
    behave(good)
    await pushed('marie@localhost', 'both')
  })

  it('has the last ones at once when it is slow, and the newest as soon as it has answered', async () => {
    const waiting: (() => void)[] = []
    behave((request, response) => {
      waiting.push(() => answering({ 'zoe@localhost': {} })(request, response))
    })
    assert.deepEqual(await enter('alice'), GOOD)
    behave(answering({ 'zoe@localhost': {} }))
    const zoe = pushed('zoe@localhost', 'both')
    const marie = pushed('marie@localhost', 'remove')
    for (const answer of waiting) answer()
    await Promise.all([zoe, marie])
    await until(async () => (await user?.roster())?.length === 2)
  })
})
