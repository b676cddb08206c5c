import assert from 'node:assert/strict'
import type { BareJid } from '../../src/presence/jid.js'
import type { Contact, ContactJid, Roster } from '../../src/roster/contact.js'
import type { HttpAnswer, HttpCall, HttpClient } from '../../src/roster/http-client.js'
import type { FakeClock } from './fake-clock.js'

/** How a call goes; `fetched`: how many of its users' rosters are fetched before that. */
export type Conduct =
  | { readonly kind: 'well' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'reset' | 'silent' | 'errors'; readonly fetched: number }

/** Prosody with mod_http_roster_admin, as ModuleRefresh sees it: it compares by JID alone. */
export class FakeRosterModule implements HttpClient {
  readonly calls: { readonly at: number; readonly usernames: readonly string[] }[] = []
  /** Of those who are connected. */
  readonly online = new Map<BareJid, Map<ContactJid, Contact>>()
  /** Of the calls to come; after these all go well. */
  conducts: Conduct[] = []
  readonly silentAbout = new Set<BareJid>()
  readonly #clock: FakeClock
  readonly #domain: string
  readonly #served: (user: BareJid) => Roster
  #busy = false

  constructor(clock: FakeClock, domain: string, served: (user: BareJid) => Roster) {
    this.#clock = clock
    this.#domain = domain
    this.#served = served
  }

  login(user: BareJid): void {
    this.online.set(user, new Map(this.#served(user)))
  }

  async call(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
    assert.equal(this.#busy, false, 'one call at a time')
    this.#busy = true
    const answer = await this.#answer(call, signal)
    this.#busy = false
    return signal.aborted ? { kind: 'failed', why: 'it was given up' } : answer
  }

  async close(): Promise<void> {}

  async #answer(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
    const usernames: string[] = JSON.parse(call.body ?? '')
    assert.equal(call.method, 'POST')
    assert.ok(usernames.length > 0, 'a call about nobody is never answered')
    assert.equal(new Set(usernames).size, usernames.length)
    this.calls.push({ at: this.#clock.now(), usernames })
    const users = usernames.map((name) => `${name}@${this.#domain}` as BareJid)
    let conduct: Conduct = this.conducts.shift() ?? { kind: 'well' }
    await this.#pass(1, signal)
    if (conduct.kind === 'refused') return { kind: 'failed', why: 'it refuses the connection' }
    if (conduct.kind === 'status') return { kind: 'answer', status: conduct.status, body: '' }
    const fetched = conduct.kind === 'well' ? users.length : conduct.fetched
    for (const user of users.slice(0, fetched)) {
      this.#follow(user)
      await this.#pass(3, signal)
    }
    if (users.some((user) => this.silentAbout.has(user))) conduct = { kind: 'silent', fetched }
    if (conduct.kind === 'reset') return { kind: 'failed', why: 'it closed the connection' }
    if (conduct.kind === 'silent') {
      await this.#pass(call.timeoutMs, signal)
      return { kind: 'failed', why: 'it took longer than 10 s' }
    }
    const errors = Math.max(0, users.length - fetched)
    return { kind: 'answer', status: 200, body: JSON.stringify({ status: 'ok', updated: fetched, errors }) }
  }

  #follow(user: BareJid): void {
    const roster = this.online.get(user)
    if (!roster) return
    const served = this.#served(user)
    for (const jid of roster.keys()) if (!served.has(jid)) roster.delete(jid)
    for (const [jid, contact] of served) if (!roster.has(jid)) roster.set(jid, contact)
  }

  #pass(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const end = () => {
        timer.cancel()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = this.#clock.after(ms, end)
      signal.addEventListener('abort', end)
    })
  }
}
