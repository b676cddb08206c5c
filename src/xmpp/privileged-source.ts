import type { Domains } from '../presence/domains.js'
import { normaliseDomain } from '../presence/jid.js'
import { parsePrivileges } from './stanzas.js'
import type { XmlElement } from './xml-element.js'

/** Which domains let the component see everybody (XEP-0356, `presence` = `managed_entity`), on the present link. */
export class PrivilegedSource {
  readonly #domains: Domains
  readonly #granted = new Set<string>()

  constructor(domains: Domains) {
    this.#domains = domains
  }

  /**
   * Takes in a `<message>`. Returns its domain if it announces privileges, null if it is something else: only a served
   * domain itself, without a local part or a resource, can announce.
   */
  announced(message: XmlElement): string | null {
    const from = normaliseDomain(message.attrs.from ?? '')
    if (from === null || !this.#domains.has(from)) return null
    const privileges = parsePrivileges(message)
    if (!privileges) return null
    if (privileges.get('presence') === 'managed_entity') this.#granted.add(from)
    else this.#granted.delete(from)
    return from
  }

  has(domain: string): boolean {
    return this.#granted.has(domain)
  }

  /** Privileges are announced anew on each link. */
  reset(): void {
    this.#granted.clear()
  }
}
