import { xml } from '@xmpp/component'
import type { IqAnswer, Link } from './link.js'
import { NS } from './stanzas.js'

export type Server = 'prosody' | 'ejabberd' | 'other'

export type ServerIdentity =
  | { readonly server: Server }
  /** The server does not answer for this host. */
  | { readonly server: null; readonly why: string }

/**
 * Which server a host runs on: its disco#info identity (XEP-0030) says so, unless the admin gave it a name of its own;
 * then its version (XEP-0092) does.
 */
export async function identify(link: Link, host: string, timeoutMs?: number): Promise<ServerIdentity> {
  const info = await link.request(host, 'get', xml('query', { xmlns: NS.discoInfo }), timeoutMs)
  if (info.kind !== 'result') return { server: null, why: whyNot(info) }
  const identity = info.payload?.children.find(({ name, attrs }) => name === 'identity' && attrs.category === 'server')
  const named = byName(identity?.attrs.name)
  if (named !== 'other') return { server: named }
  const version = await link.request(host, 'get', xml('query', { xmlns: NS.version }), timeoutMs)
  return { server: byName(version.kind === 'result' ? version.payload?.child('name')?.text : undefined) }
}

function byName(name: string | undefined): Server {
  const lower = name?.trim().toLowerCase()
  return lower === 'prosody' || lower === 'ejabberd' ? lower : 'other'
}

/** Why there is no result, for the admin. */
export function whyNot(answer: Exclude<IqAnswer, { kind: 'result' }>): string {
  switch (answer.kind) {
    case 'error':
      return answer.condition
    case 'timeout':
      return 'no answer in time'
    case 'link-down':
      return 'the link was lost'
  }
}
