import { readFileSync } from 'node:fs'

const LISTENING = '0A'
const TIME_WAIT = '06'

/** How many TCP connections the kernel keeps for a port of 127.0.0.1, on the server's side. proc(5). */
export function openConnections(port: number): number {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address, , state]) => address === local && state !== LISTENING && state !== TIME_WAIT).length
}
