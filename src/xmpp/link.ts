import type { Element } from '@xmpp/component'
import type { XmlElement } from './xml-element.js'

export type IqAnswer =
  | { readonly kind: 'result'; readonly payload: XmlElement | undefined }
  /** `condition`: RFC 6120 §8.3.3, such as `service-unavailable` */
  | { readonly kind: 'error'; readonly condition: string }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'link-down' }

export interface LinkHandler {
  up(): void
  /** `stanza`: message, presence or iq (a request: answers to our own are taken out). */
  stanza(stanza: XmlElement): void
  down(reason: string): void
  /** Another link of ours was there, and the server may have given it what was meant for this one. */
  missed(): void
}

/** The authenticated connection to the XMPP server, as a component or as an account. */
export interface Link {
  /** Our own JID; an account's has a resource once it is online. */
  readonly address: string
  readonly online: boolean
  /**
   * `from` is filled in, by us or by the server. Dropped when the link is down: whoever sends says it again on `up`. A server that does not read
   * loses the link (see SEND_QUEUE_BYTES).
   */
  send(stanza: Element): void
  /** Never rejects. Matched by an unguessable id and by the sender. */
  request(to: string, type: 'get' | 'set', payload: Element, timeoutMs?: number): Promise<IqAnswer>
  /** Resolves when what was sent so far is on its way, at once when the link is down. */
  drained(): Promise<void>
}
