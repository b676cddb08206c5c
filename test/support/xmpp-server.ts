import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Child } from './child.js'
import { portAccepts } from './port-accepts.js'
import { freePorts } from './ports.js'
import { until } from './until.js'

export type Wiring = 'privileged' | 'subscription' | 'roster-module' | 'none'

export interface XmppServerOptions {
  /** Which of prosody/'s files it includes; none: no component. */
  mode: Wiring
  domains?: readonly string[]
  secret?: string
  componentDomain?: string
  /** Accounts on the first domain. */
  users?: readonly string[]
  extraModules?: readonly string[]
}

/** A real server on loopback ports of its own, with its data in a folder of its own. */
export abstract class XmppServer {
  abstract readonly name: 'Prosody' | 'ejabberd'
  readonly domains: readonly string[]
  readonly domain: string
  readonly secret: string
  readonly componentDomain: string
  readonly directory: string
  readonly c2sPort: number
  readonly componentPort: number
  readonly httpPort: number
  protected readonly options: XmppServerOptions
  protected readonly sparePort: number
  #child: Child | undefined

  protected constructor(options: XmppServerOptions, place: { directory: string; ports: readonly number[] }) {
    const [c2s = 0, component = 0, http = 0, spare = 0] = place.ports
    this.options = options
    this.domains = options.domains ?? ['localhost']
    this.domain = this.domains[0] ?? 'localhost'
    this.secret = options.secret ?? 'component-secret'
    this.componentDomain = options.componentDomain ?? 'presence.localhost'
    this.directory = place.directory
    this.c2sPort = c2s
    this.componentPort = component
    this.httpPort = http
    this.sparePort = spare
  }

  protected static async findPlace(prefix: string): Promise<{ directory: string; ports: number[] }> {
    return { directory: await mkdtemp(join(tmpdir(), `${prefix}-`)), ports: await freePorts(4) }
  }

  /** ejabberd's mod_http_api; empty where there is none. */
  get apiUrl(): string {
    return ''
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  protected get running(): boolean {
    return this.#child !== undefined && this.#child.exit === undefined
  }

  get log(): string {
    return this.#child?.output ?? ''
  }

  abstract register(user: string, password?: string, domain?: string): Promise<void>
  protected abstract spawn(): Child

  /** Also after `kill` or `shutDown`: on the same ports and data. */
  async start(): Promise<void> {
    const child = this.spawn()
    this.#child = child
    const ports = this.options.mode === 'none' ? [this.c2sPort] : [this.c2sPort, this.componentPort]
    const accept = async () => (await Promise.all(ports.map(portAccepts))).every(Boolean)
    await until(async () => child.exit !== undefined || (await accept()), 30_000, `${this.name} to accept`)
    child.assertRunning()
  }

  async shutDown(): Promise<void> {
    await this.#child?.end()
  }

  async kill(): Promise<void> {
    await this.#child?.kill()
  }

  async restart(): Promise<void> {
    await this.shutDown()
    await this.start()
  }

  /** For good: its data goes, too. */
  async stop(): Promise<void> {
    await this.shutDown()
    await rm(this.directory, { recursive: true, force: true })
  }

  protected async begin(): Promise<this> {
    try {
      await this.start()
      for (const user of this.options.users ?? []) await this.register(user)
      return this
    } catch (error) {
      await this.kill()
      await rm(this.directory, { recursive: true, force: true })
      throw error
    }
  }
}
