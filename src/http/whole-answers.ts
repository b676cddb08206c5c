import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Bytes } from '../presence/bytes.js'

/** What node:http calls the head of an answer, once it is made; null before that. It has no public name for it. */
interface Headed {
  _header: string | null
}

/**
 * Answers that are asked for often and are there at once, made in one string and written in one piece. node:http would look at
 * each character of each header again, and give the kernel a list of the head with the body and of nothing, for the end: a fifth
 * of the time that it takes to answer a status query. All else, as what comes after what on a connection, is left to it.
 */
export class WholeAnswers {
  readonly #headers: readonly string[]
  readonly #printed: string
  /** By status code: what every answer of this second begins with. */
  readonly #heads = new Map<number, string>()
  /** Since 1970 */
  #second = Number.NaN

  /** `headers`: of every answer; names and values in turn. */
  constructor(headers: readonly string[]) {
    this.#headers = headers
    let printed = 'Connection: keep-alive\r\n'
    for (let i = 0; i < headers.length; i += 2) printed += `${headers[i]}: ${headers[i + 1]}\r\n`
    this.#printed = printed
  }

  /**
   * `now`: ms since 1970, for the date. `own`: the further headers, of which nothing may come from outside. `body` null: an answer that has none (204, 304); a buffer,
   * where it is long: the kernel takes it from there, while a string is copied twice before.
   */
  send(response: ServerResponse, now: number, code: number, own: readonly string[], body: Bytes | Buffer | null): void {
    const sent = body === null || response.req.method === 'HEAD' ? '' : body
    const headed = response as unknown as Headed
    // Of the end of a connection node:http knows more.
    const isLast = !response.shouldKeepAlive || response.req.httpVersionMinor === 0
    if (isLast || headed._header !== null) {
      const length = body === null ? [] : ['Content-Length', String(body.length)]
      response.writeHead(code, this.#headers.concat(own, length)).end(sent, 'latin1')
      return
    }
    let head = this.#head(now, code)
    for (let i = 0; i < own.length; i += 2) head += `${own[i]}: ${own[i + 1]}\r\n`
    if (body !== null) head += `Content-Length: ${body.length}\r\n`
    const isShort = typeof sent === 'string'
    headed._header = isShort ? `${head}\r\n${sent}` : `${head}\r\n`
    response.end(isShort ? undefined : sent)
  }

  #head(now: number, code: number): string {
    const second = Math.floor(now / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#heads.clear()
    }
    const known = this.#heads.get(code)
    if (known !== undefined) return known
    const date = new Date(now).toUTCString()
    const head = `HTTP/1.1 ${code} ${STATUS_CODES[code]}\r\nDate: ${date}\r\n${this.#printed}`
    this.#heads.set(code, head)
    return head
  }
}
