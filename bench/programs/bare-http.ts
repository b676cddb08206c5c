// The yardstick for status: node:http with nothing behind it.
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerCalls } from '../support/answer-calls.js'

export interface Mirrored {
  readonly headers: readonly string[]
  readonly origin: string
  readonly paths: readonly string[]
  readonly authorization: string
}

answerCalls({
  /** Answers everything with these headers and this body. */
  async listen({ headers, body }: { headers: string[]; body: string }): Promise<number> {
    return serving((_request, response) => {
      response.writeHead(200, headers)
      response.end(body)
    })
  },

  /** Answers with what somebody else did, to each path its own, and these headers. */
  async mirror({ headers, origin, paths, authorization }: Mirrored): Promise<number> {
    const bodies = new Map<string, string>()
    for (const path of paths) {
      const answer = await fetch(`${origin}${path}`, { headers: { Authorization: authorization } })
      if (!answer.ok) throw new Error(`${path} was answered ${answer.status}`)
      bodies.set(path, await answer.text())
    }
    return serving((request, response) => {
      const body = bodies.get(request.url ?? '')
      if (body === undefined) return void response.writeHead(404).end()
      response.writeHead(200, [...headers, 'Content-Length', String(Buffer.byteLength(body))])
      response.end(body)
    })
  },
})

async function serving(listener: RequestListener): Promise<number> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
