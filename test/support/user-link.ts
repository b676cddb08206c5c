import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { PASSWORD } from './password.js'
import { within } from './within.js'

const FEATURES = /<\/stream:features>/

/** A logged-in resource, byte for byte: for names that a client library would change, refuse or misspell. */
export class UserLink {
  readonly #socket: Socket
  #received = ''
  #closed = false
  #pings = 0
  #wake = () => {}
  /** As the server's answer to the bind has it. */
  jid = ''

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#received += text
      this.#wake()
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  /** null where the server refuses the name. */
  static async login(port: number, username: string, domain: string, resource = ''): Promise<UserLink | null> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const link = new UserLink(socket)
    link.#open(domain)
    await link.#next(FEATURES)
    const credentials = Buffer.from(`\0${username}\0${PASSWORD}`).toString('base64')
    link.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${credentials}</auth>`)
    const [verdict] = await link.#next(/<(?:success|failure)\b/)
    if (verdict === '<success') {
      link.#open(domain)
      await link.#next(FEATURES)
      const wish = resource && `<resource>${resource}</resource>`
      link.send(`<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${wish}</bind></iq>`)
      const [, jid] = await link.#next(/<jid>(.*?)<\/jid>|<iq [^>]*type=['"]error/)
      if (jid !== undefined) {
        link.jid = jid
        return link
      }
    }
    link.close()
    return null
  }

  /** Whatever came since the log-in, or since it was taken last. */
  take(): string {
    const received = this.#received
    this.#received = ''
    return received
  }

  send(xml: string | Buffer): void {
    this.#socket.write(xml)
  }

  /** Once it is answered the server has dealt with whatever was sent before; false: it has closed the stream. */
  async settle(): Promise<boolean> {
    const id = `settle-${++this.#pings}.`
    this.send(`<iq type='get' id='${id}'><query xmlns='urn:x-settle'/></iq>`)
    return this.#until(() => this.#received.includes(id))
  }

  close(): void {
    this.#socket.destroy()
  }

  #open(domain: string): void {
    const namespaces = `xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'`
    this.send(`<?xml version='1.0'?><stream:stream ${namespaces} version='1.0' to='${domain}'>`)
  }

  /** What fits next; it and whatever came before are taken away. */
  async #next(pattern: RegExp): Promise<RegExpExecArray> {
    await this.#until(() => pattern.test(this.#received))
    const found = pattern.exec(this.#received)
    if (!found) throw new Error(`the server closed the stream after ${this.#received}`)
    this.#received = this.#received.slice(found.index + found[0].length)
    return found
  }

  async #until(reached: () => boolean): Promise<boolean> {
    while (!reached()) {
      if (this.#closed) return false
      const more = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      await within(30_000, () => `an answer after ${this.#received.slice(-500)}`, more)
    }
    return true
  }
}
