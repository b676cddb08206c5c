// The yardstick for streams: ws with nothing behind it.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { answerCalls } from '../support/answer-calls.js'

const sockets: WebSocket[] = []
const connections: Socket[] = []
/** For each, as long as what an app is told of one change. */
const texts: string[] = []

answerCalls({
  async listen(): Promise<number> {
    const server = createServer()
    const upgrades = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false })
    server.on('upgrade', (request, socket: Socket, head) =>
      upgrades.handleUpgrade(request, socket, head, (ws) => {
        texts.push(updateFor(sockets.length))
        sockets.push(ws)
        connections.push(socket)
        ws.send('{"ready":true}')
      }),
    )
    server.listen({ port: 0, host: '127.0.0.1', backlog: 10_000 })
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },

  /** To each its own. */
  sendEach(): void {
    for (let i = 0; i < sockets.length; i++) sockets[i]?.send(texts[i] ?? '')
  },

  /** The same bytes to all. */
  writeShared(): void {
    const text = updateFor(0)
    const frame = Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)])
    for (const connection of connections) connection.write(frame)
  },
})

function updateFor(socket: number): string {
  return `[{"uid":"UID${String(socket).padStart(22, '0')}","status":"away","cursor":"${'0'.repeat(22)}"}]`
}
