import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { batchStatus } from '../support/batch-status.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { accepting, HostileServer } from '../support/hostile-server.js'
import { allTakenIn, COMPONENT, DOMAIN, PRIVILEGE, presenceOf } from '../support/prosody-like.js'

const USERS = 20_000
const LONGEST_PIECE = 1000
const FACES = ['😀', '👩‍💻', '🏳️‍🌈', '🇩🇪', 'é', '漢', '𝒳', '&#x1F600;', '&lt;']
const READ: Record<string, string> = { '&#x1F600;': '😀', '&lt;': '<' }

describe('20,000 statuses of emoji, cut anywhere', function () {
  this.timeout(60_000)
  let server: HostileServer
  let gateway: GatewayProcess

  before(async () => {
    // It answers nothing: an answer would come to stand in the middle of a presence.
    server = await HostileServer.start(accepting(({ socket }) => socket.write(PRIVILEGE)))
    gateway = await startGateway({
      config: {
        xmpp: { service: server.service, domain: COMPONENT, secret: 'secret' },
        domains: { [DOMAIN]: { publish: 'details' } },
      },
    })
  })
  after(async () => {
    await gateway?.stop()
    await server?.stop()
  })

  it('arrive whole', async () => {
    const jids = Array.from({ length: USERS }, (_, n) => `user${n}@${DOMAIN}`)
    const faces = (n: number) => [n, ...FACES.map((_, i) => FACES[(n * 7 + i * 4) % FACES.length] ?? '')]
    const connection = await server.accepted()
    connection.socket.setNoDelay(true)
    const stanzas = jids.map((jid, n) => presenceOf(`${jid}/📱`, `<status>${faces(n).join('')}</status>`))
    const bytes = Buffer.from(stanzas.join(''))
    for (let begin = 0; begin < bytes.length; ) {
      const end = begin + 1 + Math.floor(Math.random() * LONGEST_PIECE)
      connection.socket.write(bytes.subarray(begin, end))
      begin = end
      await nextTurn()
    }
    await allTakenIn(connection)
    const answers = await batchStatus(gateway, jids)
    for (const [n, { text }] of answers.entries()) {
      const expected = faces(n).map((face) => READ[face] ?? face)
      assert.equal(text, expected.join(''), jids[n])
    }
    assert.equal(answers.length, USERS)
    assert.equal(server.connections.length, 1, 'the link was lost')
  })
})
