import { type Element, xml } from '@xmpp/component'
import type { XmlElement } from './xml-element.js'

// With a second link there each goes astray with even odds; that a gap shows among so many is as good as certain.
const ECHOES = 32

/**
 * Finds out whether the server believes in another link of this component: ejabberd accepts a second one and shares out what
 * it sends among them at random. What we send to ourselves comes back in order, so the first gap is proof.
 */
export class Echoes {
  readonly #address: string
  readonly #id: string
  #heard = 0

  /** `id`: hard to guess, and another for each link. */
  constructor(address: string, id: string) {
    this.#address = address
    this.#id = id
  }

  /** To be sent at once. Messages, since nobody has to answer those. */
  *sent(): Generator<Element> {
    for (let i = 0; i < ECHOES; i++) yield xml('message', { to: this.#address, id: `${this.#id}.${i}` })
  }

  /**
   * What came: `missing` if one before it did not; `another` if a link sent it that is not this one, so that one is there, or
   * was. null: it is not from ourselves.
   */
  heard({ name, attrs }: XmlElement): 'next' | 'missing' | 'another' | null {
    if (name !== 'message' || attrs.from !== this.#address) return null
    if (!attrs.id?.startsWith(`${this.#id}.`)) return 'another'
    return attrs.id === `${this.#id}.${this.#heard++}` ? 'next' : 'missing'
  }
}
