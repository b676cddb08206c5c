import type { Element as Client } from '@xmpp/client'
import type { Element } from '@xmpp/component'
import type { Contact } from '../../src/roster/contact.js'
import type { IqAnswer, Link } from '../../src/xmpp/link.js'

interface Asked {
  readonly to: string
  readonly type: 'get' | 'set'
  readonly payload: Element
  answer(answer: IqAnswer): void
}

/** A server that keeps rosters and lets them be written; the test decides when it works off what it was asked. */
export class RosterKeepingServer implements Link {
  readonly address = 'presence.h'
  online = true
  readonly asked: Asked[] = []
  /** Accounts, and what is in their rosters. */
  readonly rosters = new Map<string, Map<string, Contact>>()
  /** What it answers in place of doing it. */
  instead: (to: string, jid: string) => IqAnswer | null = () => null
  written = 0

  send(): void {}

  async drained(): Promise<void> {}

  request(to: string, type: 'get' | 'set', payload: Element): Promise<IqAnswer> {
    if (!this.online) return Promise.resolve({ kind: 'link-down' })
    return new Promise((answer) => this.asked.push({ to, type, payload, answer }))
  }

  /** Works off one of them, counted round and round. `answers` false: the answer is lost. */
  work(index = 0, answers = true): void {
    const [asked] = this.asked.splice(index % Math.max(1, this.asked.length), 1)
    if (!asked) return
    const answer = this.#do(asked)
    if (answers) asked.answer(answer)
  }

  /** Works everything off, also what comes of it. */
  async workAll(): Promise<void> {
    do {
      while (this.asked.length > 0) this.work()
      await new Promise((resolve) => setImmediate(resolve))
    } while (this.asked.length > 0)
  }

  /** As when the link is lost: nothing more is answered. */
  cut(): void {
    this.online = false
    for (const { answer } of this.asked.splice(0)) answer({ kind: 'link-down' })
  }

  #do({ to, type, payload }: Asked): IqAnswer {
    if (type === 'get') return { kind: 'result', payload: undefined }
    const item = (payload as Client).getChild('item')
    const { jid = '', name, subscription } = item?.attrs ?? {}
    const instead = this.instead(to, jid)
    if (instead) return instead
    const roster = this.rosters.get(to)
    if (!roster) return { kind: 'error', condition: 'service-unavailable' }
    this.written++
    if (subscription === 'remove') {
      return roster.delete(jid)
        ? { kind: 'result', payload: undefined }
        : { kind: 'error', condition: 'item-not-found' }
    }
    roster.set(jid, { name: name ?? null, groups: item?.getChildren('group').map((group) => group.text()) ?? [] })
    return { kind: 'result', payload: undefined }
  }
}
