import assert from 'node:assert/strict'
import { Child } from '../support/child.js'
import { openConnections } from '../support/open-connections.js'
import { OrdinaryReader } from '../support/ordinary-reader.js'
import { PublishedGateway } from '../support/published-gateway.js'
import { residentMemory } from '../support/resident-memory.js'
import { until } from '../support/until.js'

const CONNECTIONS = 1000
// They must be gone 15 s after the last of them was opened.
const GONE_WITHIN_MS = 15_000
const MEMORY = 300 * 1024 * 1024

const ATTACKS = {
  'slow headers': ['-H', '-i', '2'],
  'slow bodies': ['-B', '-i', '2', '-s', '8192'],
  // 10 to 20 bytes of window, 5 bytes a second, three requests at once.
  'slow reading': ['-X', '-w', '10', '-y', '20', '-n', '1', '-z', '5', '-k', '3'],
} as const

describe('A gateway attacked by slowhttptest', function () {
  this.timeout(90_000)
  let published: PublishedGateway
  let reader: OrdinaryReader
  const attacks: Child[] = []

  before(async () => {
    published = await PublishedGateway.start()
  })

  afterEach(async () => {
    for (const attack of attacks.splice(0)) await attack.kill()
    await reader?.stop()
  })

  after(async () => {
    await published?.stop()
  })

  function attack(options: readonly string[], url: string): void {
    const common = ['-c', String(CONNECTIONS), '-r', String(CONNECTIONS), '-l', '60', '-p', '30', '-v', '0', '-u', url]
    attacks.push(
      new Child('slowhttptest', [...options, ...common], {
        missing: 'slowhttptest is not installed: apt-get install -y --no-install-recommends slowhttptest',
      }),
    )
  }

  it(`answers everybody else beside ${Object.keys(ATTACKS).join(', ')}, and is rid of them within 15 s`, async () => {
    reader = new OrdinaryReader(published.statusUrl)
    for (const options of Object.values(ATTACKS)) {
      // A body is waited for only where one is taken.
      attack(options, options[0] === '-B' ? `${published.gateway.url}/xmpp/status` : published.statusUrl)
    }
    const all = ATTACKS_AT_ONCE * CONNECTIONS
    await until(() => openConnections(published.port) >= all, 10_000, `${all} connections`)
    const before = reader.answers
    // The reader's own, and those that slowhttptest probes with.
    const others = 2 + ATTACKS_AT_ONCE
    await until(() => openConnections(published.port) <= others, GONE_WITHIN_MS, 'the end of the slow connections')
    await reader.stop()
    assert.deepEqual(reader.failures, [])
    assert(reader.answers > before + 100, `${reader.answers - before} answers meanwhile`)
    assert(residentMemory(published.pid, true) < MEMORY)
    assert.deepEqual(
      published.gateway.logLines.filter(({ level }) => Number(level) >= 50),
      [],
    )
  })
})

const ATTACKS_AT_ONCE = Object.keys(ATTACKS).length
