import assert from 'node:assert/strict'
import { xml } from '@xmpp/client'
import { startEjabberd } from '../support/ejabberd.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const COMPONENT = 'presence.localhost'
const INFO = 'http://jabber.org/protocol/disco#info'
const ITEMS = 'http://jabber.org/protocol/disco#items'

for (const [name, startServer] of [
  ['Prosody', startProsody],
  ['ejabberd', startEjabberd],
] as const) {
  describe(`The component, to a user's client on ${name}`, function () {
    this.timeout(60_000)
    let server: XmppServer
    let gateway: GatewayProcess
    let alice: XmppUser

    before(async () => {
      server = await startServer({ mode: 'privileged', users: ['alice'] })
      gateway = await startGateway({ server })
      await until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok)
      alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost' })
    })

    after(async () => {
      await alice?.logout()
      await gateway?.stop()
      await server?.stop()
    })

    it('is found in service discovery', async () => {
      const items = await alice.iq('get', xml('query', { xmlns: ITEMS }), 'localhost')
      const jids = items
        .getChild('query', ITEMS)
        ?.getChildren('item')
        .map(({ attrs }) => attrs.jid)
      assert.ok(jids?.includes(COMPONENT), String(jids))
      const info = (await alice.iq('get', xml('query', { xmlns: INFO }), COMPONENT)).getChild('query', INFO)
      assert.deepEqual(
        { ...info?.getChild('identity')?.attrs },
        { category: 'component', type: 'presence', name: 'presence-gateway' },
      )
      const features = info?.getChildren('feature').map(({ attrs }) => attrs.var)
      assert.ok(
        features?.includes('urn:xmpp:ping') &&
          features.includes('http://jabber.org/protocol/http-auth') &&
          features.includes('jabber:iq:version'),
      )
    })

    it('answers ping and version, and refuses the rest as RFC 6120 asks', async () => {
      await alice.iq('get', xml('ping', { xmlns: 'urn:xmpp:ping' }), COMPONENT)
      const version = await alice.iq('get', xml('query', { xmlns: 'jabber:iq:version' }), COMPONENT)
      assert.equal(version.getChild('query')?.getChildText('name'), 'presence-gateway')
      const refused = (condition: string) => (error: Error & { condition?: string }) => error.condition === condition
      const unknown = xml('query', { xmlns: 'urn:example:unknown' })
      await assert.rejects(alice.iq('get', unknown, COMPONENT), refused('service-unavailable'))
      await assert.rejects(
        alice.iq('set', xml('ping', { xmlns: 'urn:xmpp:ping' }), COMPONENT),
        refused('service-unavailable'),
      )
      await assert.rejects(alice.iq('get', unknown, `someone@${COMPONENT}`), refused('item-not-found'))
    })

    it('answers a probe with its own presence', async () => {
      await alice.setPresence()
      await alice.send(`<presence to='${COMPONENT}' type='subscribe'/>`)
      await alice.nextStanza(
        ({ name: kind, attrs }) => kind === 'presence' && attrs.type === undefined && attrs.from === COMPONENT,
      )
      const again = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost', resource: 'second' })
      // The server probes her contacts for a resource that has just come.
      await again.setPresence()
      await again.nextStanza(
        ({ name: kind, attrs }) => kind === 'presence' && attrs.type === undefined && attrs.from === COMPONENT,
      )
      await again.logout()
    })
  })
}
