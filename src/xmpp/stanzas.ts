import { type Element, xml } from '@xmpp/component'
import type { Clock } from '../presence/clock.js'
import { type FullJid, parseStanzaJid } from '../presence/jid.js'
import { cutText, type ResourcePresence, showOf } from '../presence/presence.js'
import type { XmlElement } from './xml-element.js'

export const NS = {
  delay: 'urn:xmpp:delay',
  discoInfo: 'http://jabber.org/protocol/disco#info',
  discoItems: 'http://jabber.org/protocol/disco#items',
  httpAuth: 'http://jabber.org/protocol/http-auth',
  idle: 'urn:xmpp:idle:1',
  last: 'jabber:iq:last',
  ping: 'urn:xmpp:ping',
  roster: 'jabber:iq:roster',
  stanzas: 'urn:ietf:params:xml:ns:xmpp-stanzas',
  vcard: 'vcard-temp',
  vcardUpdate: 'vcard-temp:x:update',
  version: 'jabber:iq:version',
} as const

/** Both names of XEP-0356 that servers in use speak: Prosody :2, ejabberd up to 23 :1. */
const PRIVILEGE = new Set(['urn:xmpp:privilege:2', 'urn:xmpp:privilege:1'])

export type PresenceStanza =
  | { readonly kind: 'available'; readonly from: FullJid; readonly presence: ResourcePresence }
  | { readonly kind: 'unavailable'; readonly from: FullJid; readonly text: string | null; readonly at: number | null }
  | { readonly kind: 'probe' | 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed'; readonly from: FullJid }

/** null: no user's presence, or an error. */
export function parsePresence(stanza: XmlElement, clock: Clock, textLimit: number): PresenceStanza | null {
  const from = parseStanzaJid(stanza.attrs.from ?? '')
  if (!from) return null
  switch (stanza.attrs.type) {
    case undefined:
      return from.resource === null ? null : { kind: 'available', from, presence: available(stanza, clock, textLimit) }
    case 'unavailable':
      return { kind: 'unavailable', from, text: statusText(stanza, textLimit), at: delayStamp(stanza) }
    case 'probe':
    case 'subscribe':
    case 'subscribed':
    case 'unsubscribe':
    case 'unsubscribed':
      return { kind: stanza.attrs.type, from }
    default:
      return null
  }
}

function available(stanza: XmlElement, clock: Clock, textLimit: number): ResourcePresence {
  // RFC 6121 §4.7.2.1: any other show is not conformant; the resource is available all the same.
  const said = showOf(stanza.child('show')?.text.trim() ?? 'online') ?? 'online'
  const show = said === 'offline' || said === 'unknown' ? 'online' : said
  const priority = Number.parseInt(stanza.child('priority')?.text ?? '0', 10)
  const stampedAt = delayStamp(stanza)
  return {
    show,
    text: statusText(stanza, textLimit),
    priority: Number.isNaN(priority) ? 0 : priority,
    stampedAt,
    idleSince: idleSince(stanza, stampedAt, clock),
  }
}

/** The status without an xml:lang of its own, else the first. */
function statusText(stanza: XmlElement, limit: number): string | null {
  let first: XmlElement | undefined
  for (const child of stanza.children) {
    if (child.name !== 'status' || child.ns !== stanza.ns) continue
    if (child.attrs['xml:lang'] === undefined) return cutText(child.text, limit)
    first ??= child
  }
  return cutText(first?.text ?? null, limit)
}

/** XEP-0319, else XEP-0256 counted back from when the presence was set. */
function idleSince(stanza: XmlElement, stampedAt: number | null, clock: Clock): number | null {
  const since = stanza.child('idle', NS.idle)?.attrs.since
  const idle = since === undefined ? null : parseDateTime(since)
  if (idle !== null) return idle
  const seconds = stanza.child('query', NS.last)?.attrs.seconds
  if (seconds === undefined || !/^\d{1,10}$/.test(seconds)) return null
  return Math.max(0, (stampedAt ?? clock.now()) - Number(seconds) * 1000)
}

function delayStamp(stanza: XmlElement): number | null {
  const stamp = stanza.child('delay', NS.delay)?.attrs.stamp
  return stamp === undefined ? null : parseDateTime(stamp)
}

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/

/** XEP-0082 DateTime → ms since 1970; null if it is none, or before 1970. */
function parseDateTime(text: string): number | null {
  const time = DATE_TIME.test(text) ? Date.parse(text) : Number.NaN
  return time >= 0 ? time : null
}

/** The permissions of XEP-0356 that a `<message>` announces, access → type; null: it announces none. */
export function parsePrivileges(message: XmlElement): ReadonlyMap<string, string> | null {
  const privilege = message.children.find(({ name, ns }) => name === 'privilege' && PRIVILEGE.has(ns))
  if (!privilege) return null
  return new Map(
    privilege.children
      .filter(({ name }) => name === 'perm')
      .map(({ attrs }) => [attrs.access ?? '', attrs.type ?? ''] as const),
  )
}

export type PresenceType = 'probe' | 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed' | 'unavailable'

/** Our own presence, or a request about presence; `type` undefined: available. */
export function presence(to: string, type?: PresenceType, ...children: Element[]): Element {
  return xml('presence', { to, type }, ...children)
}

export function iqError(request: XmlElement, type: 'cancel' | 'modify', condition: string): Element {
  const { from, to, id } = request.attrs
  return xml(
    'iq',
    { type: 'error', to: from, from: to, id },
    xml('error', { type }, xml(condition, { xmlns: NS.stanzas })),
  )
}

export function iqResult(request: XmlElement, payload?: Element): Element {
  const { from, to, id } = request.attrs
  return xml('iq', { type: 'result', to: from, from: to, id }, payload)
}
