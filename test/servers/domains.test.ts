import assert from 'node:assert/strict'
import { startEjabberd } from '../support/ejabberd.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { untilJson } from '../support/json-status.js'
import { startProsody } from '../support/prosody.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const UNICODE = 'bücher.example'

for (const [name, startServer] of [
  ['Prosody', startProsody],
  ['ejabberd', startEjabberd],
] as const) {
  describe(`A gateway for several domains of ${name}`, function () {
    this.timeout(60_000)
    let server: XmppServer
    let gateway: GatewayProcess

    before(async () => {
      server = await startServer({ mode: 'privileged', domains: ['localhost', UNICODE, 'x.json'] })
      for (const domain of server.domains) await server.register('anna', undefined, domain)
      await server.register('eve', undefined, 'x.json')
      const domains = {
        localhost: { publish: 'status' },
        [UNICODE]: { publish: 'details' },
        'x.json': { publish: 'details' },
      }
      gateway = await startGateway({ server, config: { domains } })
    })

    after(async () => {
      await gateway?.stop()
      await server?.stop()
    })

    it('keeps namesakes apart, publishes as each domain says, and knows a domain by all its spellings', async () => {
      const users: XmppUser[] = []
      for (const [index, domain] of server.domains.entries()) {
        const user = await XmppUser.login({ port: server.c2sPort, jid: `anna@${domain}` })
        await user.setPresence({ show: (['away', 'dnd', 'xa'] as const)[index] ?? 'chat', status: domain })
        users.push(user)
      }
      await untilJson(gateway, 'anna@localhost', { show: 'away', text: null, freshness: 'live' })
      for (const spelling of [UNICODE, 'xn--bcher-kva.example', 'BÜCHER.example', 'bücher.example.']) {
        const { jid } = await untilJson(gateway, `anna@${spelling}`, { show: 'dnd', text: UNICODE, freshness: 'live' })
        assert.equal(jid, `anna@${UNICODE}`)
      }
      // A domain may end like a suffix.
      const expected = '<presence xmlns="jabber:client" from="anna@x.json"><show>xa</show>'
      await gateway.untilStatus('anna@x.json', ({ body }) => body.startsWith(expected))
      for (const user of users) await user.logout()
    })
  })
}
