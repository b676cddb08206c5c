import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Bytes } from '../presence/bytes.js'

/** What node:http calls the head of an answer, once it is made; null before that. It has no public name for it. */
interface Headed {
  _header: string | null
}

/**
 * One kind of answer that is asked for often and is there at once, made in one string and written in one piece. node:http would
 * look at each character of each header again, and give the kernel a list of the head with the body and of nothing, for the end: a
 * fifth of the time that it takes to answer a status query. All else, as what comes after what on a connection, is left to it.
 */
export class WholeAnswer {
  readonly code: number
  readonly #headers: readonly string[]
  readonly #printed: string
  /** What all that are sent in this second begin with. */
  #head: Bytes = ''
  /** Since 1970 */
  #second = Number.NaN

  /** `headers`: of each such answer; names and values in turn. */
  constructor(code: number, headers: readonly string[]) {
    this.code = code
    this.#headers = headers
    this.#printed = `Connection: keep-alive\r\n${printed(headers)}`
  }

  /**
   * `now`: ms since 1970, for the date. `own`: the further headers, of which nothing may come from outside. `body` null: an answer
   * that has none (204, 304); a buffer, where it is long: the kernel takes it from there, while a string is copied twice before.
   */
  send(response: ServerResponse, now: number, own: readonly string[], body: Bytes | Buffer | null): void {
    const sent = body === null || response.req.method === 'HEAD' ? '' : body
    const headed = response as unknown as Headed
    // Of the end of a connection node:http knows more.
    const isLast = !response.shouldKeepAlive || response.req.httpVersionMinor === 0
    if (isLast || headed._header !== null) {
      const length = body === null ? [] : ['Content-Length', String(body.length)]
      response.writeHead(this.code, this.#headers.concat(own, length)).end(sent, 'latin1')
      return
    }
    const length = body === null ? '' : `Content-Length: ${body.length}\r\n`
    const head = `${this.#headOf(now)}${printed(own)}${length}\r\n`
    const isShort = typeof sent === 'string'
    headed._header = isShort ? head + sent : head
    response.end(isShort ? undefined : sent)
  }

  #headOf(now: number): Bytes {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) {
      this.#second = second
      const date = new Date(now).toUTCString()
      this.#head = `HTTP/1.1 ${this.code} ${STATUS_CODES[this.code]}\r\nDate: ${date}\r\n${this.#printed}`
    }
    return this.#head
  }
}

function printed(headers: readonly string[]): Bytes {
  let text = ''
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
  return text
}
