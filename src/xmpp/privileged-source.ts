import type { Domains } from '../presence/domains.js'
import { normaliseDomain } from '../presence/jid.js'
import { parsePrivileges } from './stanzas.js'
import type { XmlElement } from './xml-element.js'

/** What the domains let the component do on the present link (XEP-0356): see everybody, write rosters. */
export class PrivilegedSource {
  readonly #domains: Domains
  readonly #active: boolean
  readonly #granted = new Set<string>()
  readonly #rosters = new Set<string>()

  /** `active`: whether the configuration names this source; if not, nobody is seen by it. */
  constructor(domains: Domains, active: boolean) {
    this.#domains = domains
    this.#active = active
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
    put(this.#granted, from, this.#active && privileges.get('presence') === 'managed_entity')
    put(this.#rosters, from, ['set', 'both'].includes(privileges.get('roster') ?? ''))
    return from
  }

  /** Whether presence of everybody in the domain is sent to us (`presence` = `managed_entity`). */
  has(domain: string): boolean {
    return this.#granted.has(domain)
  }

  /** Whether we were told that we may write its rosters. Whether the server can do it is another question. */
  writesRosters(domain: string): boolean {
    return this.#rosters.has(domain)
  }

  /** Privileges are announced anew on each link. */
  reset(): void {
    this.#granted.clear()
    this.#rosters.clear()
  }
}

function put(domains: Set<string>, domain: string, isIn: boolean): void {
  if (isIn) domains.add(domain)
  else domains.delete(domain)
}
