import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** As they came, without the status line. */
  readonly head: string
  readonly body: string
}

/** A connection over which anything can be said. */
export class RawHttp {
  readonly socket: Socket
  received = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text
    })
  }

  static async open(port: number): Promise<RawHttp> {
    const raw = new RawHttp(connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
    await once(raw.socket, 'connect')
    return raw
  }

  /** What comes for these bytes until the other side ends the connection. */
  static async ask(port: number, bytes: string | Buffer): Promise<RawAnswer[]> {
    const raw = await RawHttp.open(port)
    raw.socket.write(bytes)
    return raw.untilEnd()
  }

  async untilEnd(): Promise<RawAnswer[]> {
    await new Promise<void>((resolve) => {
      this.socket.once('end', resolve).once('close', () => resolve())
    })
    this.socket.destroy()
    return this.answers
  }

  /** Those that are complete. */
  get answers(): RawAnswer[] {
    const answers: RawAnswer[] = []
    for (let rest = this.received; ; ) {
      const match = /^HTTP\/1\.1 (\d{3})[^\r]*\r\n((?:[^\r]+\r\n)*)\r\n/.exec(rest)
      if (!match) return answers
      const head = match[2] ?? ''
      const length = Number(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? 0)
      const end = match[0].length + length
      if (rest.length < end) return answers
      answers.push({ status: Number(match[1]), head, body: rest.slice(match[0].length, end) })
      rest = rest.slice(end)
    }
  }
}
