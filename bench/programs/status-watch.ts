// Asks for random users at a steady pace, whatever the answers take, and tells how long they took.
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { timedGet } from '../../test/support/timed-get.js'
import { answerCalls } from '../support/answer-calls.js'
import { SYNTHETIC_DOMAIN } from '../support/synthetic-presence.js'

const EVERY_MS = 5

const agent = new Agent({ keepAlive: true })
let watching: Promise<number[]> | undefined
let ended = false

answerCalls({
  /** `statusUrl`: what comes before the JID. */
  begin({ statusUrl, users }: { statusUrl: string; users: number }): void {
    ended = false
    watching = watch(statusUrl, users)
  },

  /** ms that each answer took. */
  end(): Promise<number[]> | undefined {
    ended = true
    return watching
  },
})

async function watch(statusUrl: string, users: number): Promise<number[]> {
  const asked: Promise<number>[] = []
  const begin = performance.now()
  while (!ended) {
    const due = (performance.now() - begin) / EVERY_MS
    while (asked.length < due)
      asked.push(ask(`${statusUrl}user${Math.floor(Math.random() * users)}@${SYNTHETIC_DOMAIN}`))
    await sleep(1)
  }
  return Promise.all(asked)
}

async function ask(url: string): Promise<number> {
  const { status, ms } = await timedGet(url, { agent })
  if (status !== 200) throw new Error(`${url} answered ${status}`)
  return ms
}
