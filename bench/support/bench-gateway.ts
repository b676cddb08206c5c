import { GatewayProcess } from '../../test/support/gateway-process.js'
import { until } from '../../test/support/until.js'
import type { ReaderOf } from '../programs/readers.js'
import { pin } from './pin.js'
import { Program } from './program.js'
import { type AppSeed, dataDirectoryOf, type SeededApp, seedApps } from './seed-apps.js'
import { SYNTHETIC_DOMAIN } from './synthetic-presence.js'

const STORED_WITHIN_MS = 120_000
const REFRESHED_WITHIN_MS = 300_000
// The lag of prom-client is the time between two of its looks at the clock, which are so far apart without any.
const LOOKS_EVERY_MS = 10

/** Served, with nobody published. */
export const CLOSED_DOMAIN = 'closed.localhost'

/** The real gateway as a process, linked to a synthetic server that says what it is told to. */
export class BenchGateway {
  readonly #gateway: GatewayProcess
  readonly #server: Program
  /** In the order of their seed. */
  readonly apps: readonly SeededApp[]
  #taken = 0

  private constructor(gateway: GatewayProcess, server: Program, apps: readonly SeededApp[]) {
    this.#gateway = gateway
    this.#server = server
    this.apps = apps
  }

  /** `more`: over the configuration that it has here. */
  static async start(
    more: { domain?: object; roster?: object; limits?: object; outbound?: object; apps?: AppSeed } = {},
  ): Promise<BenchGateway> {
    const server = await Program.start('xmpp-server', 'load')
    try {
      const port = await server.call<number>('listen')
      const config = {
        xmpp: { service: `xmpp://127.0.0.1:${port}`, domain: 'presence.localhost', secret: 'bench' },
        domains: { [SYNTHETIC_DOMAIN]: { publish: 'details', ...more.domain }, [CLOSED_DOMAIN]: { publish: 'none' } },
        ...(more.roster && { roster: more.roster }),
        ...(more.limits && { limits: more.limits }),
        ...(more.outbound && { outbound: more.outbound }),
      }
      const gateway = await GatewayProcess.prepare({ config })
      try {
        const apps = more.apps ? await seedApps(dataDirectoryOf(gateway.directory), more.apps) : []
        await gateway.start()
        pin(gateway.pid, 'measured')
        await server.call('online')
        return new BenchGateway(gateway, server, apps)
      } catch (error) {
        await gateway.stop()
        throw error
      }
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  /** What comes before the JID. */
  get statusUrl(): string {
    return `${this.#gateway.url}/xmpp/status/`
  }

  get url(): string {
    return this.#gateway.url
  }

  /** A command for it. */
  async run(...command: [string, ...string[]]): Promise<void> {
    const { code, output } = await this.#gateway.run(...command)
    if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${output}`)
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** How a program that reads streams opens one. */
  byKey(app: number): ReaderOf {
    const { appid, key } = this.#app(app)
    return { path: `/${appid}`, key }
  }

  async byTicket(app: number, uids: readonly string[]): Promise<ReaderOf> {
    const { appid, key } = this.#app(app)
    const answer = await fetch(`${this.url}/${appid}/tickets`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}` },
      body: JSON.stringify({ uids }),
    })
    const { ticket } = (await answer.json()) as { ticket: string }
    return { path: `/${appid}?ticket=${ticket}`, key: null }
  }

  get pid(): number {
    return this.#gateway.pid ?? 0
  }

  /** Until the server has fetched every roster that changed. */
  async untilRefreshed(): Promise<void> {
    const waiting = () => this.#metric('presence_gateway_roster_refreshes_waiting')
    await until(async () => (await waiting()) === 0, REFRESHED_WITHIN_MS, 'refreshing')
  }

  /** Sends the next `count` presences of so many users; resolves once all are taken in and stored, with how many a second. */
  async takeIn(count: number, users: number): Promise<number> {
    const begin = performance.now()
    await this.#server.call('send', { count, users })
    await until(async () => (await this.#metric('presence_gateway_unstored_users')) === 0, STORED_WITHIN_MS, 'storing')
    const seconds = (performance.now() - begin) / 1000
    this.#taken += count
    const taken = await this.#metric('presence_gateway_presences_taken_total')
    if (taken !== this.#taken) throw new Error(`the gateway took ${taken} presences of ${this.#taken}`)
    return count / seconds
  }

  /** See changeSteadily in bench/programs/xmpp-server.ts. */
  changeSteadily(pace: { users: number; perSecond: number; seconds: number; sampleOf: number }): Promise<number[]> {
    return this.#server.call('changeSteadily', { ...pace, statusUrl: this.statusUrl })
  }

  /** See changeTimed in bench/programs/xmpp-server.ts. */
  async changeTimed(pace: { users: number; perSecond: number; seconds: number }): Promise<Record<number, number>> {
    const at = await this.#server.call<Record<number, number>>('changeTimed', pace)
    this.#taken += Object.keys(at).length
    return at
  }

  say(stanza: string): Promise<void> {
    return this.#server.call('say', stanza)
  }

  /** See comeBack in bench/programs/xmpp-server.ts. */
  comeBack(users: number): Promise<void> {
    return this.#server.call('comeBack', users)
  }

  /** See leaveAndReturn in bench/programs/xmpp-server.ts. */
  leaveAndReturn(users: number): Promise<void> {
    return this.#server.call('leaveAndReturn', users)
  }

  /** See burst in bench/programs/xmpp-server.ts. */
  burst(burst: { users: number; bytes: number; stanzaBytes: number; seconds: number }): Promise<void> {
    return this.#server.call('burst', burst)
  }

  /** How late, in ms, the event loop was for what was due, since this was asked last. */
  async lag(): Promise<{ p99: number; max: number }> {
    const metrics = await this.#metrics()
    const late = (which: string) => read(metrics, `nodejs_eventloop_lag_${which}_seconds`) * 1000 - LOOKS_EVERY_MS
    return { p99: late('p99'), max: late('max') }
  }

  async unpublish(user: string): Promise<void> {
    await this.run('publish', user, 'none')
  }

  async stop(): Promise<void> {
    await this.#gateway.stop()
    await this.#server.stop()
  }

  #app(app: number): SeededApp {
    const seeded = this.apps[app]
    if (!seeded) throw new Error(`there is no app ${app}`)
    return seeded
  }

  async #metric(name: string): Promise<number> {
    return read(await this.#metrics(), name)
  }

  async #metrics(): Promise<string> {
    return (await fetch(`${this.#gateway.opsUrl}/metrics`)).text()
  }
}

function read(metrics: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
}
