import { type GatewayProcess, startGateway } from './gateway-process.js'
import { startProsody } from './prosody.js'
import { XmppUser } from './xmpp-user.js'

export const PUBLISHED = 'alice@localhost'

/** A gateway on Prosody, and one user online whom everybody may see: for tests of what the web can do to it. */
export class PublishedGateway {
  readonly gateway: GatewayProcess
  readonly #stop: () => Promise<void>

  private constructor(gateway: GatewayProcess, stop: () => Promise<void>) {
    this.gateway = gateway
    this.#stop = stop
  }

  static async start(): Promise<PublishedGateway> {
    const server = await startProsody({ mode: 'privileged', users: ['alice'] })
    const alice = await XmppUser.login({ port: server.c2sPort, jid: PUBLISHED })
    const gateway = await startGateway({ server })
    await alice.setPresence({ show: 'away', status: 'tea' })
    await gateway.untilStatus(PUBLISHED, ({ status }) => status === 200, { timeoutMs: 20_000 })
    return new PublishedGateway(gateway, async () => {
      await gateway.stop()
      await alice.logout()
      await server.stop()
    })
  }

  get port(): number {
    return Number(new URL(this.gateway.url).port)
  }

  get statusUrl(): string {
    return `${this.gateway.url}/xmpp/status/${PUBLISHED}`
  }

  get pid(): number {
    return this.gateway.pid ?? 0
  }

  /** How many status queries it has answered. */
  async answered(): Promise<number> {
    const text = await (await fetch(`${this.gateway.opsUrl}/metrics`)).text()
    const counts = text.matchAll(/^presence_gateway_status_answers_total\{.*\} (\d+)$/gm)
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
  }

  async stop(): Promise<void> {
    await this.#stop()
  }
}
