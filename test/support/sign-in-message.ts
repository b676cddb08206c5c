import assert from 'node:assert/strict'
import { type Element, xml } from '@xmpp/client'
import type { XmppUser } from './xmpp-user.js'

const NS = 'http://jabber.org/protocol/http-auth'

export interface ReceivedSignIn {
  readonly from: string
  readonly body: string
  readonly code: string
  readonly link: string
  readonly confirm: Element
  readonly thread: string
}

/** The next message that asks her whether it is she who signs in. */
export async function nextSignIn(user: XmppUser): Promise<ReceivedSignIn> {
  const message = await user.nextStanza(
    (stanza) => stanza.name === 'message' && Boolean(stanza.getChild('confirm', NS)),
  )
  const body = message.getChildText('body') ?? ''
  const confirm = message.getChild('confirm', NS)
  assert(confirm)
  return {
    from: message.attrs.from ?? '',
    body,
    code: /^\d{6}$/m.exec(body)?.[0] ?? '',
    link: /^http\S+$/m.exec(body)?.[0] ?? '',
    confirm,
    thread: message.getChildText('thread') ?? '',
  }
}

/** As a client that knows XEP-0070 does when she presses Yes or No; `said`: what a hostile one says otherwise. */
export async function reply(
  user: XmppUser,
  { from, confirm, thread }: ReceivedSignIn,
  allowed: boolean,
  said: Record<string, string | undefined> = {},
): Promise<void> {
  const error = xml('error', { type: 'auth' }, xml('not-authorized', { xmlns: 'urn:ietf:params:xml:ns:xmpp-stanzas' }))
  const { id, method, url } = { ...confirm.attrs, ...said }
  await user.send(
    xml(
      'message',
      { to: from, type: allowed ? 'normal' : 'error' },
      xml('thread', {}, said.thread ?? thread),
      xml('confirm', { xmlns: NS, id, method, url }),
      !allowed && error,
    ),
  )
}
