import { type BareJid, domainOf, normaliseDomain } from './jid.js'

/**
 * The domains that are served. Keys are A-labels; the server is spoken to, and people are answered, in the spelling of the
 * configuration, which is the server's own: an XMPP server knows its host by one spelling only.
 */
export class Domains {
  readonly #names: ReadonlySet<string>
  /** Where it is not the key itself. */
  readonly #written = new Map<string, string>()

  constructor(written: Iterable<string>) {
    const names = new Set<string>()
    for (const spelling of written) {
      const name = normaliseDomain(spelling)
      if (name === null) throw new TypeError(`${JSON.stringify(spelling)} is not a domain`)
      names.add(name)
      if (spelling !== name) this.#written.set(name, spelling)
    }
    this.#names = names
  }

  /** `domain`: as A-labels. */
  has(domain: string): boolean {
    return this.#names.has(domain)
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#names.values()
  }

  written(domain: string): string {
    return this.#written.get(domain) ?? domain
  }

  /** The JID as the server and people write it. */
  address(jid: BareJid): string {
    if (this.#written.size === 0) return jid
    const domain = domainOf(jid)
    return jid.slice(0, jid.length - domain.length) + this.written(domain)
  }
}
