import { type Child, type Client, client, type Element, xml } from '@xmpp/client'
import { PASSWORD } from './password.js'
import { within } from './within.js'

const NS_BLOCKING = 'urn:xmpp:blocking'
const NS_IDLE = 'urn:xmpp:idle:1'
const NS_ROSTER = 'jabber:iq:roster'
const KEPT_STANZAS = 1_000

export interface PresenceOptions {
  show?: 'chat' | 'away' | 'xa' | 'dnd'
  status?: string
  priority?: number
  idleSince?: Date
  children?: readonly Child[]
}

export interface RosterItem {
  jid: string
  name: string | undefined
  subscription: string | undefined
  ask: string | undefined
  groups: string[]
}

const LOGIN_MS = 10_000

/** One logged-in resource. It sends nothing on its own but answers to pings. */
export class XmppUser {
  /** The bare JID. */
  readonly jid: string
  readonly resource: string
  readonly #client: Client
  readonly #inbox: Element[] = []
  readonly #waiting = new Map<(stanza: Element) => boolean, (stanza: Element) => void>()

  private constructor(jid: string, resource: string, xmpp: Client) {
    this.jid = jid
    this.resource = resource
    this.#client = xmpp
    // Unhandled 'error' events end the process; whoever waits for something notices anyhow.
    xmpp.on('error', () => {})
    xmpp.on('stanza', (stanza: Element) => this.#receive(stanza))
  }

  /** `reconnect`: xmpp.js connects again a second after each loss, until `logout`. */
  static async login(options: {
    port: number
    jid: string
    password?: string
    resource?: string
    reconnect?: boolean
  }): Promise<XmppUser> {
    const { port, jid, password = PASSWORD, resource = 'test', reconnect = false } = options
    const at = jid.lastIndexOf('@')
    const xmpp = client({
      service: `xmpp://127.0.0.1:${port}`,
      domain: jid.slice(at + 1),
      // SCRAM's 10,000 rounds in JavaScript take half a second a login.
      credentials: (authenticate) => authenticate({ username: jid.slice(0, at), password }, 'PLAIN'),
      resource,
    })
    if (!reconnect) xmpp.reconnect.stop()
    const user = new XmppUser(jid, resource, xmpp)
    try {
      // The library gives up after two seconds, which a server that has just started may need, or never, by what does not come.
      const { timeout } = xmpp
      xmpp.timeout = LOGIN_MS
      await within(LOGIN_MS, () => `${jid} to log in`, xmpp.start())
      xmpp.timeout = timeout
    } catch (error) {
      user.dieSilently()
      throw error
    }
    return user
  }

  get fullJid(): string {
    return `${this.jid}/${this.resource}`
  }

  async send(stanza: Element | string): Promise<void> {
    await (typeof stanza === 'string' ? this.#client.write(stanza) : this.#client.send(stanza))
  }

  async setPresence(presence: PresenceOptions = {}): Promise<void> {
    const { show, status, priority, idleSince, children = [] } = presence
    await this.send(
      xml(
        'presence',
        {},
        show !== undefined && xml('show', {}, show),
        status !== undefined && xml('status', {}, status),
        priority !== undefined && xml('priority', {}, priority),
        idleSince && xml('idle', { xmlns: NS_IDLE, since: idleSince.toISOString() }),
        ...children,
      ),
    )
  }

  async unavailable(status?: string): Promise<void> {
    await this.send(xml('presence', { type: 'unavailable' }, status !== undefined && xml('status', {}, status)))
  }

  async logout(): Promise<void> {
    await this.unavailable()
    await this.#client.stop()
  }

  /** As when the network goes: the stream stays open, the server only sees TCP end. */
  dieSilently(): void {
    this.#client.reconnect.stop()
    this.#client.socket?.destroy()
  }

  /** The oldest stanza not yet taken that fits, else the next one to come. Takes it. */
  async nextStanza(predicate: (stanza: Element) => boolean, timeoutMs = 5_000): Promise<Element> {
    const index = this.#inbox.findIndex(predicate)
    const [kept] = index < 0 ? [] : this.#inbox.splice(index, 1)
    if (kept) return kept
    // A function of its own, so that two may wait with one predicate.
    const fits = (stanza: Element) => predicate(stanza)
    const arrival = new Promise<Element>((resolve) => this.#waiting.set(fits, resolve))
    try {
      return await within(
        timeoutMs,
        () => `${this.fullJid} to receive it after ${this.#inbox.slice(-5).join(' ')}`,
        arrival,
      )
    } finally {
      this.#waiting.delete(fits)
    }
  }

  /** The result; an error is thrown with its `condition`. */
  async iq(type: 'get' | 'set', child: Element, to?: string, timeoutMs = 5_000): Promise<Element> {
    return this.#client.iqCaller.request(xml('iq', { type, ...(to !== undefined && { to }) }, child), timeoutMs)
  }

  /** Servers hand out requests to those only who have sent presence. */
  async nextSubscriptionRequest(fromJid: string, timeoutMs = 5_000): Promise<Element> {
    return this.nextStanza(
      ({ name, attrs }) => name === 'presence' && attrs.type === 'subscribe' && attrs.from === fromJid,
      timeoutMs,
    )
  }

  async acceptSubscription(fromJid: string, timeoutMs = 5_000): Promise<void> {
    await this.nextSubscriptionRequest(fromJid, timeoutMs)
    await this.send(xml('presence', { to: fromJid, type: 'subscribed' }))
  }

  async denySubscription(fromJid: string, timeoutMs = 5_000): Promise<void> {
    await this.nextSubscriptionRequest(fromJid, timeoutMs)
    await this.withdrawSubscription(fromJid)
  }

  /** Takes back what was accepted. */
  async withdrawSubscription(fromJid: string): Promise<void> {
    await this.send(xml('presence', { to: fromJid, type: 'unsubscribed' }))
  }

  async block(jid: string): Promise<void> {
    await this.iq('set', xml('block', { xmlns: NS_BLOCKING }, xml('item', { jid })))
  }

  async unblock(jid: string): Promise<void> {
    await this.iq('set', xml('unblock', { xmlns: NS_BLOCKING }, xml('item', { jid })))
  }

  /** Asking also makes this resource receive roster pushes. */
  async roster(): Promise<RosterItem[]> {
    const result = await this.iq('get', xml('query', { xmlns: NS_ROSTER }))
    const items = result.getChild('query', NS_ROSTER)?.getChildren('item') ?? []
    return items.map((item) => ({
      jid: item.attrs.jid ?? '',
      name: item.attrs.name,
      subscription: item.attrs.subscription,
      ask: item.attrs.ask,
      groups: item.getChildren('group').map((group) => group.text()),
    }))
  }

  #receive(stanza: Element): void {
    for (const [fits, resolve] of this.#waiting) {
      if (!fits(stanza)) continue
      this.#waiting.delete(fits)
      resolve(stanza)
      return
    }
    this.#inbox.push(stanza)
    if (this.#inbox.length > KEPT_STANZAS) this.#inbox.shift()
  }
}
