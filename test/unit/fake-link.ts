import type { Element } from '@xmpp/component'
import type { IqAnswer, Link } from '../../src/xmpp/link.js'

/** A link to a server that is as a test says; requests wait until they are answered. */
export class FakeLink implements Link {
  readonly address: string
  online = true
  readonly sent: Element[] = []
  readonly asked: { to: string; payload: string; answer(answer: IqAnswer): void }[] = []

  constructor(address: string) {
    this.address = address
  }

  send(stanza: Element): void {
    this.sent.push(stanza)
  }

  request(to: string, _type: 'get' | 'set', payload: Element): Promise<IqAnswer> {
    return new Promise((answer) => this.asked.push({ to, payload: String(payload), answer }))
  }

  async drained(): Promise<void> {}

  awaitRoster(): void {}

  probed(): string[] {
    return this.sent.filter(({ attrs }) => attrs.type === 'probe').map(({ attrs }) => attrs.to ?? '')
  }

  /** What was sent since this was asked last, in short. */
  said(): string[] {
    return this.sent.splice(0).map(({ attrs }) => `${attrs.type ?? 'presence'} ${attrs.to ?? ''}`.trim())
  }
}
