import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Calls back when the answer is sent, or can never be. */
export function onceSent(answer: ServerResponse, socket: Socket, then: () => void): void {
  const ended = () => {
    answer.off('close', ended)
    socket.off('close', ended)
    then()
  }
  answer.once('close', ended)
  // An answer that waits for another one is not told of the end of its connection.
  socket.once('close', ended)
}
