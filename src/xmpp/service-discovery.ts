import { type Element, xml } from '@xmpp/component'
import type { ComponentCard } from './component-card.js'
import type { Link } from './link.js'
import { iqError, iqResult, NS } from './stanzas.js'
import type { XmlElement } from './xml-element.js'

/** Answers what an admin's or a user's client asks of the component: XEP-0030, XEP-0054, XEP-0199, XEP-0092, XEP-0012. */
export class ServiceDiscovery {
  readonly #link: Link
  readonly #card: ComponentCard | null
  readonly #version: string
  readonly #uptimeSeconds: () => number

  /** `card`: null for an account, whose server keeps its vCard. */
  constructor(link: Link, card: ComponentCard | null, version: string, uptimeSeconds: () => number) {
    this.#link = link
    this.#card = card
    this.#version = version
    this.#uptimeSeconds = uptimeSeconds
  }

  /** An iq of type get or set. Everything is answered once (RFC 6120 §8.2.3). */
  handle(iq: XmlElement): void {
    if (iq.attrs.id === undefined || iq.attrs.from === undefined) return
    if (iq.attrs.type !== 'get' && iq.attrs.type !== 'set') return
    this.#link.send(this.#answer(iq))
  }

  #answer(iq: XmlElement): Element {
    const query = iq.children[0]
    const here = iq.attrs.to === undefined || iq.attrs.to === this.#link.address
    if (!here) return iqError(iq, 'cancel', 'item-not-found')
    if (!query || iq.attrs.type !== 'get') return iqError(iq, 'cancel', 'service-unavailable')
    switch (`${query.ns} ${query.name}`) {
      case `${NS.discoInfo} query`:
        if (query.attrs.node) return iqError(iq, 'cancel', 'item-not-found')
        return iqResult(iq, this.#info())
      case `${NS.discoItems} query`:
        if (query.attrs.node) return iqError(iq, 'cancel', 'item-not-found')
        return iqResult(iq, xml('query', { xmlns: NS.discoItems }))
      case `${NS.ping} ping`:
        return iqResult(iq)
      case `${NS.vcard} vCard`:
        return this.#card ? iqResult(iq, this.#card.vcard()) : iqError(iq, 'cancel', 'service-unavailable')
      case `${NS.version} query`:
        return iqResult(
          iq,
          xml('query', { xmlns: NS.version }, xml('name', {}, 'presence-gateway'), xml('version', {}, this.#version)),
        )
      case `${NS.last} query`:
        return iqResult(iq, xml('query', { xmlns: NS.last, seconds: String(this.#uptimeSeconds()) }))
      default:
        return iqError(iq, 'cancel', 'service-unavailable')
    }
  }

  #info(): Element {
    const features = [
      NS.discoInfo,
      NS.discoItems,
      NS.ping,
      NS.httpAuth,
      ...(this.#card ? [NS.vcard] : []),
      NS.version,
      NS.last,
    ]
    const identity = this.#card ? { category: 'component', type: 'presence' } : { category: 'client', type: 'bot' }
    return xml(
      'query',
      { xmlns: NS.discoInfo },
      xml('identity', { ...identity, name: 'presence-gateway' }),
      ...features.map((feature) => xml('feature', { var: feature })),
    )
  }
}
