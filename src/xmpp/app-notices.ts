import { xml } from '@xmpp/component'
import { RateLimiterMemory } from 'rate-limiter-flexible'
import type { App, AppId } from '../apps/app.js'
import type { BareJid } from '../presence/jid.js'
import type { Link } from './link.js'

// Anybody may be made a member, whom nobody asked: this must not be a way to write to her again and again.
const LIMIT = { points: 1, duration: 86_400 }

export interface AppNoticesOptions {
  /** Without a slash at its end. */
  readonly publicUrl: string
  /** Whether she may be sent anything. */
  readonly mayReach: (user: BareJid) => boolean
  /** As her server writes her. */
  readonly address: (user: BareJid) => string
}

/** What the members of an app are told by message, once a day at most; of what others have chosen only the proven domain is in it. */
export class AppNotices {
  readonly #link: Pick<Link, 'send' | 'online'>
  readonly #options: AppNoticesOptions
  // One counter for each app whose members were told lately.
  readonly #limiter = new RateLimiterMemory(LIMIT)

  constructor(link: Pick<Link, 'send' | 'online'>, options: AppNoticesOptions) {
    this.#link = link
    this.#options = options
  }

  /** false: nobody can be told anything now. */
  async webhookOff({ appid, domain, members }: App, because: 'gone' | 'failing'): Promise<boolean> {
    if (!this.#link.online) return false
    const isNew = await this.#limiter.consume(appid).then(
      () => true,
      () => false,
    )
    if (isNew) this.#send(members, this.#text(appid, domain, because))
    return true
  }

  #send(members: readonly BareJid[], text: string): void {
    for (const member of members) {
      if (!this.#options.mayReach(member)) continue
      const to = this.#options.address(member)
      this.#link.send(xml('message', { to, type: 'normal' }, xml('body', {}, text)))
    }
  }

  #text(appid: AppId, domain: string, because: 'gone' | 'failing'): string {
    const why = because === 'gone' ? 'It answered 410 Gone' : 'Each call of the last five days has failed'
    return `The webhook of your app at ${domain} is off. ${why}, so it is told of no more changes.

What it answered, and how to turn it on again:

${this.#options.publicUrl}/myapps/${appid}#webhook`
  }
}
