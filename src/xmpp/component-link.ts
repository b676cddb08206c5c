import type { Element } from '@xmpp/component'
import type { Clock } from '../presence/clock.js'
import { ComponentStream, type ComponentStreamOptions } from './component-stream.js'
import { Echoes } from './echoes.js'
import { GuardedLink, type LinkObserver, type Randomness } from './guarded-link.js'
import type { StreamHandler } from './guarded-stream.js'
import type { XmlElement } from './xml-element.js'

/** The link of a component, which finds out whether it is the only one. */
export class ComponentLink extends GuardedLink {
  #echoes: Echoes | null = null

  constructor(options: ComponentStreamOptions, clock: Clock, random: Randomness, observer: LinkObserver) {
    const { domain } = options
    const stream = (handler: StreamHandler) => new ComponentStream(options, clock, handler)
    // Ourselves, through the server.
    super({ address: domain, pinged: domain, stream }, clock, random, observer)
  }

  override send(stanza: Element): void {
    // XEP-0114: a component must stamp 'from' on every stanza; ejabberd closes the stream otherwise.
    stanza.attrs.from ??= this.address
    super.send(stanza)
  }

  protected override begin(): void {
    this.#echoes = new Echoes(this.address, this.random.id())
    for (const echo of this.#echoes.sent()) this.send(echo)
  }

  protected override takes(stanza: XmlElement): boolean {
    const echo = this.#echoes?.heard(stanza)
    // As servers say it that do not accept a second link.
    if (echo === 'missing') this.abort('conflict: the server has another link of ours', 'conflict')
    if (echo === 'another') this.handler?.missed()
    return Boolean(echo)
  }
}
