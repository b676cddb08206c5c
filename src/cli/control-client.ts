import { type IncomingMessage, request } from 'node:http'
import * as z from 'zod'
import { type Config, controlSocket } from '../config.js'
import type { GatewayReport, WatchLine } from '../gateway/gateway-control.js'
import { SHOWS } from '../presence/presence.js'
import { DirectoryLock } from '../storage/directory-lock.js'

/** The running gateway did not do it; the message is for the admin. */
export class ControlError extends Error {
  override readonly name = 'ControlError'
}

const ANSWER_MS = 10_000
// A page of rosters is one MB and one roster more, each as JSON within JSON.
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

const DOMAIN = z.object({
  domain: z.string(),
  server: z.enum(['prosody', 'ejabberd', 'other']).nullable(),
  privileged: z.boolean(),
  subscribed: z.number(),
  rostered: z.number(),
  rosterPrivilege: z.object({ fault: z.string().nullable() }).nullable(),
})
const ACCOUNT = z.object({ encrypted: z.boolean(), seen: z.number(), asked: z.number(), unserved: z.number() })
const FAILING = z.object({ error: z.string().nullable() })
const REPORT: z.ZodType<GatewayReport> = z.object({
  pid: z.number(),
  url: z.string(),
  ops: z.string().nullable(),
  link: z.object({ online: z.boolean(), lastError: z.string().nullable() }),
  account: ACCOUNT.nullable(),
  domains: z.array(DOMAIN),
  ejabberdApi: FAILING.nullable(),
  storage: FAILING,
  refreshFaults: z.array(z.tuple([z.string(), z.string()])),
})
const WATCHED: z.ZodType<WatchLine> = z.union([
  z.object({
    jid: z.string(),
    show: z.enum(SHOWS as ['unknown']),
    text: z.string().nullable(),
    since: z.number().nullable(),
    freshness: z.enum(['live', 'stale', 'unknown']),
  }),
  z.object({ jid: z.string(), gone: z.literal(true) }),
])
const ERROR = z.object({ error: z.string() })

/** Commands to the gateway that runs on the configured data directory. All throw ControlError. */
export class ControlClient {
  readonly #directory: string
  readonly #socketPath: string

  constructor(config: Config) {
    this.#directory = config.storage.directory
    this.#socketPath = controlSocket(config)
  }

  report(): Promise<GatewayReport> {
    return this.call('report', null, REPORT)
  }

  async call<T>(command: string, body: unknown, schema: z.ZodType<T>): Promise<T> {
    const response = await this.#request('POST', command, JSON.stringify(body))
    const answer = parse(await read(response).catch(() => this.#fail('the gateway broke its answer off')))
    if (response.statusCode !== 200) {
      this.#fail(ERROR.safeParse(answer).data?.error ?? `the gateway answers ${response.statusCode}`)
    }
    const parsed = schema.safeParse(answer)
    if (!parsed.success) this.#fail('the gateway that runs is of another version: restart it')
    return parsed.data
  }

  /** Everybody who is known, then every change; ends when the gateway goes, or with the signal. */
  async *watch(stop: AbortSignal): AsyncGenerator<WatchLine> {
    const response = await this.#request('GET', 'watch', '')
    const close = () => response.destroy()
    stop.addEventListener('abort', close, { once: true })
    if (stop.aborted) close()
    try {
      for await (const line of lines(response)) {
        const parsed = WATCHED.safeParse(parse(line))
        // Whatever a gateway of another version has to say besides is passed over.
        if (parsed.success) yield parsed.data
      }
    } finally {
      stop.removeEventListener('abort', close)
      close()
    }
  }

  #request(method: 'GET' | 'POST', command: string, body: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: this.#socketPath, path: `/${command}`, method, agent: false }, (response) => {
        if (method === 'GET') sent.setTimeout(0)
        resolve(response)
      })
      sent.setTimeout(ANSWER_MS, () => sent.destroy(new ControlError('the gateway does not answer')))
      sent.on('error', (error) => reject(this.#explain(error)))
      sent.end(body)
    })
  }

  #explain(error: Error & { code?: string }): Error {
    const directory = this.#directory
    switch (error.code) {
      case 'ENOENT':
      case 'ECONNREFUSED':
        if (DirectoryLock.isHeld(directory)) {
          return new ControlError(`a gateway on ${directory} is starting or stopping: try again`)
        }
        return new ControlError(`no gateway runs on ${directory}: start it first`)
      case 'EACCES':
      case 'EPERM':
        return new ControlError(`${this.#socketPath} is for the user that the gateway runs as: run this as that user`)
      default:
        return error instanceof ControlError ? error : new ControlError(`${this.#socketPath}: ${error.message}`)
    }
  }

  #fail(message: string): never {
    throw new ControlError(message)
  }
}

/** Whole lines, until the response ends in whatever way. */
async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const whole = (rest + chunk).split('\n')
      rest = whole.pop() ?? ''
      if (rest.length > MAX_ANSWER_BYTES) return
      yield* whole
    }
  } catch {
    // A gateway that was killed ends nothing in order.
  }
}

async function read(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk
    if (text.length > MAX_ANSWER_BYTES) throw new Error('too long')
  }
  return text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
