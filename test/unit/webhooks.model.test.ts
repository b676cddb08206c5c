import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import type { PostOutcome } from '../../src/delivery/webhook-post.js'
import type { WebhooksParts } from '../../src/delivery/webhooks.js'
import type { BareJid } from '../../src/presence/jid.js'
import { FakeClock } from './fake-clock.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid, presence } from './users.js'
import { WebhookWorld } from './webhook-world.js'

const RUNS = Number(process.env.WEBHOOK_RUNS ?? 30)
const USERS = Array.from({ length: 12 }, (_, n) => jid(`u${n}@h`))
// Changes of each that are more than a call holds.
const STORM = 12
const MOST_TOGETHER = 8
const HOUR_MS = 3_600_000

type Pair = [uid: string, status: string, details?: { text?: string; revoked?: true }]

/** An app that answers when it is told to, and looks whether what comes may come. */
class Receiver {
  /** The calls that may still come again, in the order in which they came, and the one that came last. */
  readonly #line: string[] = []
  #last = -1
  readonly #bodies = new Map<string, string>()
  readonly #done = new Set<string>()
  /** Those who took their grant back, and those who paused it: as the app knows them. */
  readonly gone = new Set<string>()
  readonly paused = new Set<string>()
  readonly told = new Map<string, Pair>()
  readonly #newest = new Map<string, number>()
  #callsSinceKill = MOST_TOGETHER
  #underWay: { readonly id: string; readonly answer: (outcome: PostOutcome) => void } | null = null
  #wasKilled = false
  repeated = 0

  /** Of one life of the gateway. */
  post(): WebhooksParts['post'] {
    let isOver = false
    return {
      post: async (_, headers, body, _ms, isWanted = () => true) => {
        if (isOver || !isWanted()) return { error: 'it was given up' }
        assert.equal(this.#underWay, null, 'two calls at once')
        const id = headers['webhook-id'] ?? ''
        this.#comes(id, body)
        return new Promise((answer) => {
          this.#underWay = { id, answer }
        })
      },
      close: async () => {
        isOver = true
        this.#underWay?.answer({ error: 'it was given up' })
        this.#underWay = null
      },
    }
  }

  killed(): void {
    this.#wasKilled = true
    this.#callsSinceKill = 0
  }

  /** What it answered just before a kill is not known as such, and so may come under another id. */
  grantChanges(): void {
    if (this.#callsSinceKill < MOST_TOGETHER) this.#newest.clear()
  }

  answer(status: number): boolean {
    const call = this.#underWay
    if (!call) return false
    this.#underWay = null
    call.answer({ status, retryAfter: null })
    if (status === 200 && !this.#done.has(call.id)) {
      this.#done.add(call.id)
      for (const pair of pairsOf(this.#bodies.get(call.id))) this.#learns(pair)
    }
    return true
  }

  #comes(id: string, body: string): void {
    const place = this.#line.indexOf(id)
    if (place < 0) {
      assert(!this.#bodies.has(id), `${id} comes again after what came later`)
      this.#line.splice(this.#last + 1)
      this.#last = this.#line.push(id) - 1
    } else {
      assert.equal(body, this.#bodies.get(id))
      const oldest = this.#wasKilled ? this.#last - MOST_TOGETHER : this.#last
      assert(place >= oldest && place <= this.#last + 1, `${place} after ${this.#last}`)
      if (place < this.#last) this.repeated++
      this.#last = place
    }
    this.#wasKilled = false
    this.#callsSinceKill++
    this.#bodies.set(id, body)
    for (const [uid, status, details] of pairsOf(body)) {
      if (this.gone.has(uid)) assert.equal(details?.revoked, true, `${uid} is gone`)
      if (this.paused.has(uid)) assert.deepEqual([status, details], ['offline', undefined], `${uid} is paused`)
    }
  }

  #learns(pair: Pair): void {
    const [uid, , details] = pair
    if (details?.text) {
      const text = Number(details.text)
      const newest = this.#newest.get(uid) ?? 0
      assert(text >= newest, `${uid} said ${text} before ${newest}`)
      this.#newest.set(uid, text)
    }
    this.told.set(uid, pair)
  }
}

function pairsOf(body = '{"data":[]}'): Pair[] {
  return JSON.parse(body).data
}

const user = fc.nat(USERS.length - 1)
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('storm' as const), ticks: fc.constantFrom(1, STORM, 8 * STORM) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('answer' as const), times: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('fail' as const), ms: fc.constantFrom(5000, 300_000, HOUR_MS) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('revoke' as const, 'pause' as const, 'grant' as const), user }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('kill' as const, 'restart' as const, 'note' as const) }) },
)

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

describe('Webhooks, whatever happens', function () {
  this.timeout(20_000 + RUNS * 1000)
  const directory = temporaryDirectory()
  let runs = 0

  it(`say all in order, with the same bytes when they say it again, and nothing of who takes it back: ${RUNS} stories`, async () => {
    let repeated = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const story = await Story.begin(join(directory(), `${runs++}`))
        try {
          for (const each of steps) await story.go(each)
          await story.end()
          repeated += story.receiver.repeated
        } finally {
          await story.world.close()
        }
      }),
      { numRuns: RUNS },
    )
    console.log(`      ${repeated} times kills made several calls come again`)
  })
})

class Story {
  readonly receiver = new Receiver()
  readonly clock = new FakeClock()
  readonly #uids = new Map<BareJid, string>()
  readonly #says = new Map<BareJid, number>()
  #directory: string
  #n = 0
  world!: WebhookWorld

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async begin(directory: string): Promise<Story> {
    const story = new Story(directory)
    await story.#open()
    for (const user of USERS) await story.#grant(user)
    await story.world.app('http://127.0.0.1:1/')
    await story.#settle()
    return story
  }

  async go(step: Step): Promise<void> {
    switch (step.do) {
      case 'storm':
        await this.#storm(step.ticks)
        break
      case 'answer':
        for (let n = 0; n < step.times; n++) await this.#answer(200)
        break
      case 'fail':
        await this.#answer(500)
        await this.clock.passing(step.ms)
        break
      case 'kill':
        await this.#kill()
        break
      case 'restart':
        await this.#reopen()
        break
      case 'note':
        await this.clock.passing(600_000)
        break
      default:
        await this.#decide(step.do, USERS[step.user] as BareJid)
    }
    await this.#settle()
  }

  /** Everybody is told the truth, once it answers. */
  async end(): Promise<void> {
    for (let quiet = 0, turns = 0; quiet < 3; turns++) {
      assert(turns < 1000, 'it never ends')
      quiet = this.receiver.answer(200) ? 0 : quiet + 1
      await this.#settle()
      if (quiet > 0) await this.clock.passing(HOUR_MS)
    }
    for (const [user, uid] of this.#uids) {
      const [, status, details] = this.receiver.told.get(uid) ?? []
      if (this.receiver.paused.has(uid)) assert.deepEqual([status, details], ['offline', undefined])
      else assert.equal(details?.text ?? null, this.#says.get(user)?.toString() ?? null, `${uid} at last`)
    }
    for (const uid of this.receiver.gone) {
      if (this.receiver.told.has(uid)) assert.equal(this.receiver.told.get(uid)?.[2]?.revoked, true, `${uid} at last`)
    }
  }

  async #decide(what: 'grant' | 'pause' | 'revoke', user: BareJid): Promise<void> {
    const { paused, gone } = this.receiver
    this.receiver.grantChanges()
    const uid = this.#uids.get(user)
    if (uid === undefined) return what === 'grant' ? this.#grant(user) : undefined
    if (what === 'pause') {
      const isPaused = paused.delete(uid)
      await this.world.grant(user, { paused: !isPaused })
      if (!isPaused) paused.add(uid)
    } else if (what === 'revoke') {
      await this.world.revoke(user)
      this.#uids.delete(user)
      paused.delete(uid)
      gone.add(uid)
    }
  }

  async #grant(user: BareJid): Promise<void> {
    const uid = `UID${String(this.#n++).padStart(22, '-')}`
    await this.world.grant(user, { uid, scope: ['status', 'details'] })
    this.#uids.set(user, uid)
  }

  async #storm(ticks: number): Promise<void> {
    for (let tick = 0; tick < ticks; tick++) {
      for (const user of USERS) {
        this.#says.set(user, ++this.#n)
        this.world.board.put(user, 'r', presence({ text: String(this.#n) }))
      }
      await this.clock.passing(5)
    }
  }

  async #answer(status: number): Promise<void> {
    this.receiver.answer(status)
    await this.#settle()
  }

  async #open(): Promise<void> {
    this.world = await WebhookWorld.open(this.#directory, this.clock, { post: this.receiver.post() })
  }

  async #reopen(): Promise<void> {
    await this.world.close()
    await this.#open()
  }

  /** What a process has written outlives it, and nothing else does. */
  async #kill(): Promise<void> {
    const copy = `${this.#directory}k`
    cpSync(this.#directory, copy, { recursive: true })
    this.receiver.killed()
    await this.world.close()
    this.#directory = copy
    await this.#open()
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}
