// The yardstick for status: node:http with nothing behind it.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answerCalls } from '../support/answer-calls.js'

answerCalls({
  /** Answers everything with these headers and this body. */
  async listen({ headers, body }: { headers: string[]; body: string }): Promise<number> {
    const server = createServer((_request, response) => {
      response.writeHead(200, headers)
      response.end(body)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
})
