import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { Child, type Exit } from './child.js'
import { REPOSITORY } from './repository.js'
import { until } from './until.js'
import type { XmppServer } from './xmpp-server.js'

const MAIN = join(REPOSITORY, 'build', 'src', 'main.js')
const KEPT_LINES = 10_000

export interface GatewayOptions {
  /** Over the defaults: free ports, a data directory of its own, the link to `server`. */
  config?: Record<string, unknown>
  server?: XmppServer
  env?: Record<string, string>
}

export interface StatusAnswer {
  status: number
  headers: Headers
  body: string
}

/** The gateway as its users run it: a process with a config file. */
export class GatewayProcess {
  readonly directory: string
  readonly #env: NodeJS.ProcessEnv
  #child: Child | undefined
  #listening: Record<string, unknown> | undefined
  /** JSON log lines since the last start, the oldest dropped. */
  readonly logLines: Record<string, unknown>[] = []

  private constructor(directory: string, env: Record<string, string>) {
    this.directory = directory
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GATEWAY_'))
    this.#env = { ...Object.fromEntries(inherited), ...env }
  }

  /** Writes the config only; for commands other than `start`. */
  static async prepare(options: GatewayOptions): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(await mkdtemp(join(tmpdir(), 'gateway-')), options.env ?? {})
    await writeFile(gateway.configFile, stringify(gateway.#config(options)))
    return gateway
  }

  get configFile(): string {
    return join(this.directory, 'gateway.yaml')
  }

  get url(): string {
    return this.#listeningAt('url')
  }

  get opsUrl(): string {
    return this.#listeningAt('ops')
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get output(): string {
    return this.#child?.output ?? ''
  }

  async start(): Promise<void> {
    this.logLines.length = 0
    this.#listening = undefined
    const child = new Child(process.execPath, [MAIN, 'start', '--config', this.configFile], {
      env: this.#env,
      missing: 'node is missing',
      onLine: (line) => this.#log(line),
    })
    this.#child = child
    await until(() => child.exit !== undefined || this.#listening, 20_000, 'the gateway to listen')
    child.assertRunning()
  }

  /** Any other command, with this config, to its end. */
  async run(command: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
    const child = new Child(process.execPath, [MAIN, command, ...args, '--config', this.configFile], {
      env: this.#env,
      missing: 'node is missing',
    })
    const { code } = await child.exited
    return { code, output: child.output }
  }

  /** SIGTERM; the data stays. */
  async shutDown(): Promise<Exit | undefined> {
    return this.#child?.end()
  }

  async kill9(): Promise<void> {
    await this.#child?.kill()
  }

  /** On the same config and data; the URLs change where the config says port 0. */
  async restart(): Promise<void> {
    await this.shutDown()
    await this.start()
  }

  /** For good: config and data go, too. */
  async stop(): Promise<Exit | undefined> {
    const exit = await this.shutDown()
    await rm(this.directory, { recursive: true, force: true })
    return exit
  }

  async status(
    jid: string,
    options: { accept?: string; suffix?: string; headers?: Record<string, string> } = {},
  ): Promise<StatusAnswer> {
    const { accept, suffix = '', headers = {} } = options
    const response = await fetch(`${this.url}/xmpp/status/${encodeURIComponent(jid)}${suffix}`, {
      headers: { ...(accept !== undefined && { accept }), ...headers },
    })
    return { status: response.status, headers: response.headers, body: await response.text() }
  }

  /** Asks until the answer fits. */
  async untilStatus(
    jid: string,
    fits: (answer: StatusAnswer) => boolean,
    options: { timeoutMs?: number; accept?: string; suffix?: string } = {},
  ): Promise<StatusAnswer> {
    return until(
      async () => {
        const answer = await this.status(jid, options)
        if (!fits(answer)) throw new Error(`the last answer was ${answer.status} ${answer.body}`)
        return answer
      },
      options.timeoutMs,
      `the status of ${jid}`,
    )
  }

  #listeningAt(field: 'url' | 'ops'): string {
    const value = this.#listening?.[field]
    if (typeof value !== 'string') throw new Error(`the gateway has not said its ${field}`)
    return value
  }

  #log(text: string): void {
    if (!text.startsWith('{')) return
    let line: Record<string, unknown>
    try {
      line = JSON.parse(text)
    } catch {
      return
    }
    if (line.msg === 'listening') this.#listening = line
    this.logLines.push(line)
    if (this.logLines.length > KEPT_LINES) this.logLines.shift()
  }

  #config({ config = {}, server }: GatewayOptions): object {
    const defaults: Record<string, unknown> = {
      http: { port: 0 },
      ops: { listen: '127.0.0.1:0' },
      storage: { directory: join(this.directory, 'data') },
      ...(server && {
        xmpp: {
          service: `xmpp://127.0.0.1:${server.componentPort}`,
          domain: server.componentDomain,
          secret: server.secret,
          ejabberdApi: server.apiUrl,
        },
        domains: Object.fromEntries(server.domains.map((domain) => [domain, { publish: 'details' }])),
      }),
    }
    const merged = { ...defaults, ...config }
    for (const section of ['http', 'xmpp'] as const) {
      const given = config[section]
      if (typeof given === 'object') merged[section] = { ...(defaults[section] as object), ...given }
    }
    return merged
  }
}

export async function startGateway(options: GatewayOptions): Promise<GatewayProcess> {
  const gateway = await GatewayProcess.prepare(options)
  try {
    await gateway.start()
    return gateway
  } catch (error) {
    await gateway.kill9()
    await gateway.stop()
    throw error
  }
}
