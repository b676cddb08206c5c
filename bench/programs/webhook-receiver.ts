// An application's endpoint: answers 204, counts, and can keep everybody waiting.
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerCalls } from '../support/answer-calls.js'

export interface Received {
  readonly calls: number
  /** Of the first and of the last, ms of this process. */
  readonly firstAt: number
  readonly lastAt: number
  readonly longest: string
}

// Nobody calls any more.
const QUIET_MS = 500

let calls = 0
let firstAt = 0
let lastAt = 0
let longest = ''
let held: ServerResponse[] | null = null

answerCalls({
  async listen(): Promise<number> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk) => chunks.push(chunk))
      request.on('end', () => {
        calls++
        lastAt = performance.now()
        firstAt ||= lastAt
        const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
        if (bytes > longest.length) longest = Buffer.concat(chunks).toString()
        if (held) held.push(response)
        else response.writeHead(204).end()
      })
    })
    server.keepAliveTimeout = 60_000
    server.listen({ port: 0, host: '127.0.0.1', backlog: 5000 })
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },

  reset: begin,

  /** Answers nobody until `release`. */
  hold(): void {
    held = []
  },

  release(): void {
    const waiting = held ?? []
    held = null
    begin()
    for (const response of waiting) response.writeHead(204).end()
  },

  received: (): Received => ({ calls, firstAt, lastAt, longest }),

  async untilQuiet(): Promise<Received> {
    do await sleep(QUIET_MS)
    while (performance.now() - lastAt < QUIET_MS)
    return { calls, firstAt, lastAt, longest }
  },
})

function begin(): void {
  calls = 0
  firstAt = 0
  lastAt = performance.now()
  longest = ''
}
