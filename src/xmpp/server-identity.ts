import type { XmlElement } from './xml-element.js'

export type Server = 'prosody' | 'ejabberd' | 'other'

/** Which server a host's disco#info (XEP-0030) says that it is. */
export function serverOf(info: XmlElement | undefined): Server {
  const identity = info?.children.find(({ name, attrs }) => name === 'identity' && attrs.category === 'server')
  const name = identity?.attrs.name?.toLowerCase()
  return name === 'prosody' || name === 'ejabberd' ? name : 'other'
}
