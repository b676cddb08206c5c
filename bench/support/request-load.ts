import { Child } from '../../test/support/child.js'
import { REPOSITORY } from '../../test/support/repository.js'
import { pin } from './pin.js'

export interface LoadTarget {
  /** `http://host:port` */
  readonly origin: string
  /** With %d for the user's number, which is 0 ≤ n < users. */
  readonly path: string
  readonly users: number
  readonly host: string
  readonly authorization?: string
}

const CONNECTIONS = 64
const SCRIPT = `${REPOSITORY}bench/random-jids.lua`

/** Answers a second to wrk on the other core, random users over kept connections; every answer must be a good one. */
export async function requestLoad(target: LoadTarget, seconds: number): Promise<number> {
  return (await timedLoad(target, seconds)).rate
}

/** The same, with the ms that one answer of a hundred took longer than. */
export async function timedLoad({ origin, path, users, host, authorization }: LoadTarget, seconds: number) {
  const options = ['--threads', '1', '--connections', String(CONNECTIONS), '--duration', `${seconds}s`]
  const args = [
    ...options,
    '--script',
    SCRIPT,
    origin,
    '--',
    path,
    String(users),
    host,
    ...(authorization ? [authorization] : []),
  ]
  const wrk = new Child('wrk', args, {
    missing: 'wrk is not installed: apt-get install -y --no-install-recommends wrk',
  })
  if (wrk.pid !== undefined) pin(wrk.pid, 'load')
  const { code } = await wrk.exited
  const line = wrk.output.split('\n').find((text) => text.startsWith('{'))
  if (code !== 0 || line === undefined) throw new Error(`wrk ended with ${code}: ${wrk.output}`)
  const { requests, microseconds, errors, p99 = Number.NaN } = JSON.parse(line) as Record<string, number>
  if (!requests || !microseconds || errors !== 0) throw new Error(`${origin}${path} failed: ${line}`)
  return { rate: requests / (microseconds / 1e6), p99: p99 / 1000 }
}
