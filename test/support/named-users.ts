import { UserLink } from './user-link.js'

// ejabberd keeps five connections waiting; to a sixth Linux listens a second later.
const AT_ONCE = 4
// XML 1.0 §2.2: what no character reference may stand for, either.
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is looked for.
const NO_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/u
// White space in an attribute would be read as spaces (XML 1.0 §3.3.3).
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is looked for.
const MARKUP = /[\u0000-\u001f&<>'"]/g

/** Many users of one server, each at home under a number, told apart by what the server delivers to them. */
export class NamedUsers {
  readonly links: UserLink[] = []
  readonly #port: number
  readonly #host: string

  /** `host`: of whoever sends the messages. */
  constructor(port: number, host: string) {
    this.#port = port
    this.#host = host
  }

  /** Whom the server refuses is left out. Each says her number as her status. */
  async login(names: readonly (readonly [name: string, host: string])[]): Promise<void> {
    for (let i = 0; i < names.length; i += AT_ONCE) {
      const some = names.slice(i, i + AT_ONCE).map(([name, host]) => UserLink.login(this.#port, name, host))
      this.links.push(...(await Promise.all(some)).filter((link) => link !== null))
    }
    for (const [number, link] of this.links.entries()) link.send(`<presence><status>${number}</status></presence>`)
    await this.#settle()
  }

  /** For each spelling, the numbers of those who receive what is sent to it: the server's own word on whom it means. */
  async reachedBy(spellings: readonly (string | Buffer)[]): Promise<Set<number>[]> {
    const sender = await this.#sender()
    const alone: Promise<void>[] = []
    for (const [number, spelling] of spellings.entries()) {
      const message = messageTo(spelling, number)
      if (isXml(spelling)) sender.send(message)
      else if (alone.push(this.#sendAlone(message)) % AT_ONCE === 0) await Promise.all(alone)
    }
    await Promise.all(alone)
    await sender.settle()
    sender.close()
    await this.#settle()
    const reached = spellings.map(() => new Set<number>())
    for (const [number, link] of this.links.entries()) {
      for (const [, to] of link.take().matchAll(/<message\b[^>]*\bid=['"]to-(\d+)['"]/g))
        reached[Number(to)]?.add(number)
    }
    return reached
  }

  close(): void {
    for (const link of this.links) link.close()
  }

  /** It ends the stream. */
  async #sendAlone(message: Buffer): Promise<void> {
    const sender = await this.#sender()
    sender.send(message)
    await sender.settle()
    sender.close()
  }

  async #sender(): Promise<UserLink> {
    const sender = await UserLink.login(this.#port, 'sender', this.#host)
    if (!sender) throw new Error('the server does not let anybody in')
    return sender
  }

  async #settle(): Promise<void> {
    await Promise.all(this.links.map((link) => link.settle()))
  }
}

function isXml(spelling: string | Buffer): boolean {
  return typeof spelling === 'string' && !NO_XML.test(spelling)
}

function messageTo(spelling: string | Buffer, number: number): Buffer {
  const to = typeof spelling === 'string' ? spelling.replace(MARKUP, reference) : spelling
  return Buffer.concat([
    Buffer.from(`<message type='headline' id='to-${number}' to='`),
    Buffer.from(to as string),
    Buffer.from(`'><body>?</body></message>`),
  ])
}

function reference(character: string): string {
  return `&#${character.charCodeAt(0)};`
}
