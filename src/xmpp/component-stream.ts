import { component, xml } from '@xmpp/component'
import type { Clock } from '../presence/clock.js'
import { GuardedStream, type StreamHandler, type StreamOptions } from './guarded-stream.js'
import type { XmlElement } from './xml-element.js'

export interface ComponentStreamOptions extends StreamOptions {
  readonly secret: string
}

/** One life of a component connection (XEP-0114). The library computes the handshake. */
export class ComponentStream extends GuardedStream {
  readonly #domain: string

  constructor(options: ComponentStreamOptions, clock: Clock, handler: StreamHandler) {
    const { service, domain, secret } = options
    super(component({ service, domain, password: secret }), options, clock, handler)
    this.#domain = domain
  }

  protected override opened(): void {
    this.step('authenticating')
  }

  protected override negotiate(element: XmlElement): void {
    // A server's first stanzas may share a packet with its handshake, never come before it.
    if (this.state !== 'authenticating' || element.name !== 'handshake') return
    this.entity.emit('element', xml('handshake'))
    this.online(this.#domain)
  }
}
