import assert from 'node:assert/strict'
import { type Element, xml } from '@xmpp/client'
import { ComponentLink } from '../support/component-link.js'
import { startEjabberd } from '../support/ejabberd.js'
import { type StatusAnswer, startGateway } from '../support/gateway-process.js'
import { startProsody } from '../support/prosody.js'
import { until } from '../support/until.js'
import type { XmppServer, XmppServerOptions } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

const servers: [string, (options: XmppServerOptions) => Promise<XmppServer>, string][] = [
  ['Prosody', startProsody, 'urn:xmpp:privilege:2'],
  ['ejabberd', startEjabberd, 'urn:xmpp:privilege:1'],
]

for (const [name, startServer, privilegeNamespace] of servers) {
  describe(`the test harness on ${name}`, () => {
    describe('two users', () => {
      let server: XmppServer
      let alice: XmppUser
      let bob: XmppUser

      const login = (user: string, resource = 'test') =>
        XmppUser.login({ port: server.c2sPort, jid: `${user}@localhost`, resource })
      const presenceFromBob = (fits: (stanza: Element) => boolean) =>
        alice.nextStanza((stanza) => stanza.name === 'presence' && stanza.attrs.from === bob.fullJid && fits(stanza))

      before(async () => {
        server = await startServer({ mode: 'privileged', users: ['alice', 'bob'] })
      })
      after(() => server.stop())

      beforeEach(async () => {
        alice = await login('alice')
        bob = await login('bob')
      })
      afterEach(() => {
        alice.dieSilently()
        bob.dieSilently()
      })

      const subscribeAliceToBob = async () => {
        // Prosody hands `subscribed` to those only who have asked for their roster.
        await alice.roster()
        await alice.setPresence()
        await bob.setPresence()
        await alice.send(xml('presence', { to: bob.jid, type: 'subscribe' }))
        await bob.acceptSubscription(alice.jid)
        await alice.nextStanza(({ attrs }) => attrs.type === 'subscribed')
        await presenceFromBob(({ attrs }) => attrs.type === undefined)
      }

      it('see each other change, die silently and log out', async () => {
        await subscribeAliceToBob()
        const idleSince = new Date('2026-01-02T03:04:05.000Z')
        await bob.setPresence({ show: 'away', status: '<&"😀', priority: 3, idleSince })
        await presenceFromBob(
          (stanza) =>
            stanza.getChildText('show') === 'away' &&
            stanza.getChildText('status') === '<&"😀' &&
            stanza.getChildText('priority') === '3' &&
            stanza.getChild('idle', 'urn:xmpp:idle:1')?.attrs.since === '2026-01-02T03:04:05.000Z',
        )
        bob.dieSilently()
        await presenceFromBob(({ attrs }) => attrs.type === 'unavailable')
        bob = await login('bob', 'again')
        await bob.setPresence()
        await presenceFromBob(({ attrs }) => attrs.type === undefined)
        await bob.logout()
        await presenceFromBob(({ attrs }) => attrs.type === 'unavailable')
        const [item] = await alice.roster()
        assert.equal(item?.jid, bob.jid)
        assert.equal(item.subscription, 'to')
      })

      it('block, unblock and withdraw', async () => {
        await alice.setPresence()
        await bob.setPresence()
        await alice.block(bob.jid)
        await assert.rejects(alice.iq('get', xml('ping', { xmlns: 'urn:xmpp:ping' }), bob.fullJid))
        await alice.unblock(bob.jid)
        await alice.iq('get', xml('ping', { xmlns: 'urn:xmpp:ping' }), bob.fullJid)
        await bob.withdrawSubscription(alice.jid)
        await until(async () => (await alice.roster()).every((item) => item.subscription === 'none'))
      })

      it('are thrown out by a kill, and find their accounts and ports again after it', async () => {
        const { pid } = server
        await server.kill()
        await assert.rejects(login('alice'))
        await server.start()
        assert.notEqual(server.pid, pid)
        alice = await login('alice')
        await server.restart()
        alice = await login('alice')
        await alice.setPresence()
      })

      it('refuses a wrong password', async () => {
        await assert.rejects(XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost', password: 'wrong' }))
      })
    })

    it('runs a gateway beside it, which survives kill -9 and a restart', async () => {
      const server = await startServer({ mode: 'privileged', users: ['alice'] })
      const gateway = await startGateway({ server })
      try {
        const alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost' })
        await alice.setPresence({ show: 'dnd' })
        const isBusy = ({ status, body }: StatusAnswer) => status === 200 && body === 'dnd'
        await gateway.untilStatus(alice.jid, isBusy, { suffix: '.txt' })
        await gateway.kill9()
        await gateway.start()
        await gateway.untilStatus(alice.jid, isBusy, { accept: 'text/plain' })
        await gateway.restart()
        await gateway.untilStatus(alice.jid, isBusy, { suffix: '.txt' })
        assert.ok(gateway.logLines.some(({ msg }) => msg === 'listening'))
        alice.dieSilently()
      } finally {
        assert.deepEqual(await gateway.stop(), { code: 0, signal: null })
        await server.stop()
      }
    })

    it('runs several servers at once, each with a component of its own', async () => {
      const started = await Promise.all(
        ['one.localhost', 'two.localhost'].map(async (componentDomain) => {
          return startServer({ mode: 'subscription', componentDomain })
        }),
      )
      try {
        for (const { componentPort: port, componentDomain: domain, secret } of started) {
          const link = await ComponentLink.open({ port, domain, secret })
          assert.ok(link.accepted)
          link.close()
        }
      } finally {
        await Promise.all(started.map((server) => server.stop()))
      }
    })

    for (const mode of ['privileged', 'subscription'] as const) {
      it(`starts with prosody/'s ${mode} file and admits a component with the right secret only`, async () => {
        const domains = ['localhost', 'example.org']
        const server = await startServer({ mode, domains, secret: 'a "secret"', componentDomain: 'web.example.org' })
        try {
          const place = { port: server.componentPort, domain: server.componentDomain }
          for (const secret of ['', 'wrong']) {
            const refused = await ComponentLink.open({ ...place, secret })
            assert.equal(refused.accepted, false)
          }
          const link = await ComponentLink.open({ ...place, secret: server.secret })
          assert.ok(link.accepted, link.received)
          const privileges = () => link.received.split(privilegeNamespace).length - 1
          if (mode === 'privileged') {
            await until(() => privileges() === domains.length)
            assert.match(link.received, /managed_entity/)
          } else {
            await new Promise((resolve) => setTimeout(resolve, 300))
            assert.equal(privileges(), 0)
          }
          link.close()
        } finally {
          await server.stop()
        }
      })
    }
  })
}

describe("prosody/'s files", () => {
  it('leave a VirtualHost its own modules (Prosody)', async () => {
    const server = await startProsody({
      mode: 'privileged',
      users: ['alice'],
      extraConfig: 'VirtualHost "localhost"\n  modules_enabled = { "uptime" }',
    })
    try {
      const alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost' })
      await alice.iq('get', xml('query', { xmlns: 'jabber:iq:last' }), 'localhost')
      await alice.logout()
      const { componentPort: port, componentDomain: domain, secret } = server
      const link = await ComponentLink.open({ port, domain, secret })
      await until(() => link.received.includes('managed_entity'))
      link.close()
    } finally {
      await server.stop()
    }
  })

  it('let nobody in while no secret is set (Prosody)', async () => {
    const server = await startProsody({ mode: 'subscription', secret: '' })
    try {
      const link = await ComponentLink.open({ port: server.componentPort, domain: server.componentDomain, secret: '' })
      assert.equal(link.accepted, false)
    } finally {
      await server.stop()
    }
  })

  it('permit two commands and no other (ejabberd)', async () => {
    const server = await startEjabberd({ mode: 'privileged', users: ['alice'] })
    try {
      const call = async (command: string, body: object) => {
        const response = await fetch(`${server.apiUrl}/${command}`, { method: 'POST', body: JSON.stringify(body) })
        return { status: response.status, body: JSON.parse(await response.text()) }
      }
      const alice = await XmppUser.login({ port: server.c2sPort, jid: 'alice@localhost', resource: 'desk' })
      await alice.setPresence({ show: 'dnd' })
      const sessions = await until(async () => {
        const answer = await call('connected_users_info', {})
        return answer.body[0]?.status === 'dnd' && answer
      })
      assert.equal(sessions.status, 200)
      assert.equal(sessions.body[0].jid, 'alice@localhost/desk')
      assert.equal((await call('user_sessions_info', { user: 'alice', host: 'localhost' })).body.length, 1)
      for (const [command, body] of [
        ['registered_users', { host: 'localhost' }],
        ['kick_session', { user: 'alice', host: 'localhost', resource: 'desk', reason: '' }],
        ['status', {}],
      ] as const) {
        assert.equal((await call(command, body)).status, 403, command)
      }
      await alice.logout()
    } finally {
      await server.stop()
    }
  })
})
