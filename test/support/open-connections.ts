import { readFileSync } from 'node:fs'

const LISTENING = '0A'
const TIME_WAIT = '06'

/** How many TCP connections the kernel keeps for a port of 127.0.0.1, on the server's side; `from`: of one client port. */
export function openConnections(port: number, from?: number): number {
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, local, remote, state]) =>
        local === address(port) &&
        (from === undefined || remote === address(from)) &&
        state !== LISTENING &&
        state !== TIME_WAIT,
    ).length
}

/** As proc(5) writes it. */
function address(port: number): string {
  return `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
}
