import { xml } from '@xmpp/component'
import type { Link } from './link.js'
import { NS } from './stanzas.js'

/** Asks the host anything. Where answers come in order, as from Prosody, all that was sent before has come once it `passed`. */
export async function fence(link: Link, host: string): Promise<'passed' | 'timeout' | 'link-down'> {
  const { kind } = await link.request(host, 'get', xml('query', { xmlns: NS.discoInfo }))
  return kind === 'result' || kind === 'error' ? 'passed' : kind
}
