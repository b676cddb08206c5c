import { xml } from '@xmpp/component'
import type { SignIn, SignInMessage, SignInMessenger } from '../accounts/sign-in.js'
import type { Clock } from '../presence/clock.js'
import { type BareJid, parseStanzaJid } from '../presence/jid.js'
import type { Link } from './link.js'
import { NS } from './stanzas.js'
import type { XmlElement } from './xml-element.js'

export interface SignInMessagesOptions {
  /** Without a slash at its end. */
  readonly publicUrl: string
  /** Whether she may be sent anything. */
  readonly mayReach: (user: BareJid) => boolean
  /** As her server writes her. */
  readonly address: (user: BareJid) => string
  /** Of the account that we are; null for a component. */
  readonly self: BareJid | null
}

/** Asks by message whether it is she who signs in, and hears what she replies (XEP-0070). */
export class SignInMessages implements SignInMessenger {
  readonly #link: Pick<Link, 'send'>
  readonly #clock: Clock
  readonly #options: SignInMessagesOptions
  /** What is asked for: the same for all, for some clients show it and others open it. */
  readonly #url: string

  constructor(link: Pick<Link, 'send'>, clock: Clock, options: SignInMessagesOptions) {
    this.#link = link
    this.#clock = clock
    this.#options = options
    this.#url = `${options.publicUrl}/sign-in`
  }

  send(user: BareJid, message: SignInMessage): void {
    // Whoever asked has his answer first: how long that took does not tell whether anything was sent.
    this.#clock.after(0, () => {
      if (this.#options.mayReach(user)) this.#send(user, message)
    })
  }

  #send(user: BareJid, message: SignInMessage): void {
    const { confirmId } = message
    this.#link.send(
      xml(
        'message',
        { to: this.#options.address(user), type: 'normal' },
        xml('body', {}, this.#text(message)),
        xml('thread', {}, confirmId),
        xml('confirm', { xmlns: NS.httpAuth, id: confirmId, method: 'GET', url: this.#url }),
      ),
    )
  }

  /** Takes in a `<message>`; false: it is no reply to what was sent. */
  heard(message: XmlElement, signIn: Pick<SignIn, 'confirmed'>): boolean {
    const confirm = message.child('confirm', NS.httpAuth)
    if (!confirm) return false
    const { id, method, url } = confirm.attrs
    const from = parseStanzaJid(message.attrs.from ?? '')
    const { type = 'normal' } = message.attrs
    // A server that cannot deliver it returns it from the bare JID: that is no refusal, and would tell who does not exist.
    if (!from || from.resource === null || !REPLIES.has(type)) return true
    // What we send to our own account comes back to us, `<confirm/>` and all: that is nobody's yes.
    if (from.bare === this.#options.self) return true
    if (id === undefined || method !== 'GET' || url !== this.#url || message.child('thread')?.text !== id) return true
    signIn.confirmed(id, from.bare, type !== 'error')
    return true
  }

  #text({ code, linkToken, phrase, address, at }: SignInMessage): string {
    const { publicUrl } = this.#options
    return `Somebody wants to sign in to ${publicUrl} as you.

If it is you, type this code there (the page shows the words "${phrase}"):

${code}

or open this link in the browser that is to be signed in:

${publicUrl}/sign-in/link/${linkToken}

It was asked for from the address ${address}, on ${new Date(at).toISOString().slice(0, 16).replace('T', ' at ')} UTC, and is good for ten minutes.
If it was not you, confirm nothing and tell the code to nobody: then nobody is signed in.`
  }
}

const REPLIES = new Set(['normal', 'chat', 'error'])
