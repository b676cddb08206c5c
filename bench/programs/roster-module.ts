// Prosody's mod_http_roster_admin as a web app sees it: told to refresh, it fetches each user's roster before it answers.
import { once } from 'node:events'
import { Agent, createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerCalls } from '../support/answer-calls.js'

const FETCHES_AT_ONCE = 50

const agent = new Agent({ keepAlive: true, maxSockets: FETCHES_AT_ONCE })
let source: { url: string; authorization: string }
let fetched = 0

answerCalls({
  async listen(): Promise<number> {
    const server = createServer((request, response) => {
      refresh(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },

  /** Where the rosters are: `url` is followed by the username. */
  fetchFrom(from: { url: string; authorization: string }): void {
    source = from
  },

  fetched: () => fetched,
})

async function refresh(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  const names: string[] = JSON.parse(text)
  await Promise.all(names.map(fetchRoster))
  response
    .writeHead(200, { 'Content-Type': 'application/json' })
    .end(JSON.stringify({ status: 'ok', message: 'roster update complete', updated: names.length, errors: 0 }))
}

async function fetchRoster(name: string): Promise<void> {
  const headers = { Authorization: source.authorization, Accept: 'application/json, text/plain, */*' }
  const [answer]: [IncomingMessage] = (await once(get(`${source.url}${name}`, { agent, headers }), 'response')) as never
  let text = ''
  for await (const chunk of answer.setEncoding('utf8')) text += chunk
  if (answer.statusCode !== 200) throw new Error(`${name}: ${answer.statusCode}`)
  JSON.parse(text)
  fetched++
}
