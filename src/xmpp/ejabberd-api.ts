import * as z from 'zod'
import { type FullJid, parseStanzaJid } from '../presence/jid.js'
import { type AvailableShow, cutText } from '../presence/presence.js'

export interface Session {
  readonly from: FullJid
  readonly show: AvailableShow
  readonly text: string | null
  readonly priority: number
}

export interface EjabberdApi {
  /**
   * Every session of the cluster that has sent a presence. Throws an Error that says what to mend: not reachable, not
   * permitted, not that API, too large.
   */
  sessions(): Promise<Session[]>
}

const SESSIONS = z.array(
  z.object({ jid: z.string(), priority: z.number(), status: z.string(), statustext: z.string().default('') }),
)
const SHOWS: ReadonlyMap<string, AvailableShow> = new Map([
  ['available', 'online'],
  ['chat', 'chat'],
  ['away', 'away'],
  ['xa', 'xa'],
  ['dnd', 'dnd'],
])
const TIMEOUT_MS = 30_000
// A million sessions. What is larger is refused: it would stall everything else while it is parsed.
const MAX_BYTES = 256 * 1024 * 1024

/** ejabberd's mod_http_api with mod_admin_extra, `POST <base>/connected_users_info`. */
export class EjabberdHttpApi implements EjabberdApi {
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #textLimit: number

  /** `base`: such as `http://127.0.0.1:5280/api`; userinfo in it is sent as Basic authentication. */
  constructor(base: string, textLimit: number) {
    const url = new URL(base)
    this.#headers = { 'content-type': 'application/json' }
    if (url.username) {
      const userinfo = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
      this.#headers.authorization = `Basic ${Buffer.from(userinfo).toString('base64')}`
    }
    url.username = url.password = ''
    this.#url = `${url.href.replace(/\/$/, '')}/connected_users_info`
    this.#textLimit = textLimit
  }

  async sessions(): Promise<Session[]> {
    const response = await this.#post()
    const body = await read(response)
    if (!response.ok) {
      const hint =
        response.status === 401 || response.status === 403 ? ': permit connected_users_info in api_permissions' : ''
      throw new Error(`${this.#url} answers ${response.status}${hint}`)
    }
    const parsed = SESSIONS.safeParse(json(body))
    if (!parsed.success) throw new Error(`${this.#url} does not answer as ejabberd's API does`)
    return parsed.data.flatMap(({ jid, priority, status, statustext }) => {
      const from = parseStanzaJid(jid)
      const show = SHOWS.get(status)
      // A session that has sent no presence reads "unavailable": connected is not available.
      if (!from || from.resource === null || !show) return []
      return [{ from, show, priority, text: cutText(statustext, this.#textLimit) }]
    })
  }

  async #post(): Promise<Response> {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      return await fetch(this.#url, { method: 'POST', body: '{}', headers: this.#headers, signal, redirect: 'error' })
    } catch (error) {
      const { message, cause } = error as Error & { cause?: { code?: string; message?: string } }
      throw new Error(`${this.#url} is not reachable: ${cause?.code ?? cause?.message ?? message}`)
    }
  }
}

async function read(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw new Error(`the answer is longer than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
