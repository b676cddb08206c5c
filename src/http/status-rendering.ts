import { type Bytes, utf8 } from '../presence/bytes.js'
import { statusOf, type UserPresence } from '../presence/presence.js'
import type { Publication } from '../presence/publication.js'
import type { StatusFormat } from './status-url.js'

export const CONTENT_TYPES: Readonly<Record<StatusFormat, string>> = {
  xml: 'application/xml; charset=utf-8',
  json: 'application/json; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
}

/** A user's presence as anonymous readers may have it. */
export interface PublishedPresence extends UserPresence {
  /** As people write it; null: who asks is not told. */
  readonly jid: string | null
}

export function publish(jid: string | null, presence: UserPresence, publication: Publication): PublishedPresence {
  const { show, since, freshness } = presence
  return { jid, show, since, freshness, text: publication === 'details' ? presence.text : null }
}

/** Its body; `now` in ms since 1970. */
export function render(presence: PublishedPresence, format: StatusFormat, now: number): Bytes {
  switch (format) {
    case 'xml':
      return presence.show === 'unknown' ? unknownXml(presence.jid) : presenceXml(presence, now)
    case 'json':
      return utf8(JSON.stringify(statusJson(presence, now)))
    case 'txt':
      return presence.show
  }
}

/** The JSON form; a field without a value, or not published, is null. */
export function statusJson({ jid, show, text, since, freshness }: PublishedPresence, now: number) {
  return {
    jid,
    status: statusOf(show),
    show,
    text,
    since: since === null ? null : new Date(since).toISOString(),
    seconds: since === null ? null : secondsSince(since, now),
    freshness,
  }
}

/** RFC 6121 §4.7 with XEP-0012's last activity. */
function presenceXml({ jid, show, text, since }: PublishedPresence, now: number): Bytes {
  const type = show === 'offline' ? ' type="unavailable"' : ''
  const shown = show === 'offline' || show === 'online' ? '' : `<show>${show}</show>`
  const status = text === null ? '' : `<status>${xmlOf(text)}</status>`
  const last = since === null ? '' : `<query xmlns="jabber:iq:last" seconds="${secondsSince(since, now)}"/>`
  return `<presence xmlns="jabber:client"${from(jid)}${type}>${shown}${status}${last}</presence>`
}

function unknownXml(jid: string | null): Bytes {
  return `<presence xmlns="jabber:client"${from(jid)} type="error">${stanzaError('wait', 'remote-server-timeout')}</presence>`
}

function from(jid: string | null): Bytes {
  return jid === null ? '' : ` from="${xmlOf(jid)}"`
}

export type StatusFault = 'item-not-found' | 'jid-malformed'

/** The body for a query that names nobody. */
export function renderFault(fault: StatusFault, format: StatusFormat): Bytes {
  switch (format) {
    case 'xml': {
      const type = fault === 'jid-malformed' ? 'modify' : 'cancel'
      return `<presence xmlns="jabber:client" type="error">${stanzaError(type, fault)}</presence>`
    }
    case 'json':
      if (fault === 'item-not-found') return '{"error":"item-not-found"}'
      return '{"result":"KO","errno":102,"error":"jid-malformed"}'
    case 'txt':
      return fault
  }
}

function stanzaError(type: string, condition: string): Bytes {
  return `<error type="${type}"><${condition} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>`
}

function secondsSince(since: number, now: number): number {
  return Math.max(0, Math.floor((now - since) / 1000))
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  // A literal one would be read back as a line feed (XML 1.0 §2.11).
  '\r': '&#13;',
}

/** For text, and for JIDs in double-quoted attributes: these hold no quotes (RFC 7622 §3.3.1). */
function xmlOf(text: string): Bytes {
  // Mostly neither is to be done, and one look tells.
  if (!/[&<>\r\u0080-\uffff]/.test(text)) return text
  return utf8(text.replace(/[&<>\r]/g, (character) => ESCAPES[character] ?? ''))
}
