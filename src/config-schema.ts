import * as z from 'zod'
import { readDuration } from './duration.js'
import { normaliseDomain, parseUserInput } from './presence/jid.js'
import { upstreamFault } from './roster/upstream-call.js'

const LONGEST_MS = readDuration('36500d')
const SIZES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

/** `15m` → 900,000 ms */
const duration = (min = 1) =>
  z.union([z.string(), z.number()]).transform((value, context) => {
    const ms = readDuration(String(value).trim())
    if (ms >= min && ms <= LONGEST_MS) return ms
    return fault(context, `${JSON.stringify(value)} is not a duration such as 500ms, 10s, 15m, 1h, 90d`)
  })

// setTimeout counts in 31 bits; only forgetAfter, which no timer counts, may be longer.
const timerDuration = (min = 1) => duration(min).refine((ms) => ms < 2 ** 31, { error: 'is longer than 24 days' })

/** `64KiB` → 65,536 */
const size = (min: number) =>
  z.union([z.string(), z.number()]).transform((value, context) => {
    const match = /^(\d+)\s*(B|KiB|MiB|GiB)?$/.exec(String(value).trim())
    const bytes = match ? Number(match[1]) * SIZES[(match[2] ?? 'B') as keyof typeof SIZES] : Number.NaN
    if (bytes >= min && Number.isSafeInteger(bytes)) return bytes
    return fault(context, `${JSON.stringify(value)} is not a size such as 64KiB, 1MiB (at least ${min} bytes)`)
  })

/** Numbers; a variable brings them as text. */
const integer = (min: number, max: number = Number.MAX_SAFE_INTEGER) =>
  z.unknown().transform((value, context) => {
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max) return number
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    return fault(context, `${JSON.stringify(value)} is not a whole number ${range}`)
  })

const url = (...protocols: string[]) =>
  z
    .string()
    .refine(
      (text) => URL.canParse(text) && protocols.includes(new URL(text).protocol) && new URL(text).hostname !== '',
      {
        error: ({ input }) => `${quoted(input)} is not ${protocols.map((name) => `an ${name}// URL`).join(' or ')}`,
      },
    )

/** A URL may hold a password. */
function quoted(text: unknown): string {
  return JSON.stringify(text).replace(/\/\/[^/]*@/, '//…@')
}

const upstream = () =>
  z.string().refine((text) => text === '' || upstreamFault(text) === null, {
    error: ({ input }) => `${quoted(input)} ${upstreamFault(String(input))}`,
  })

const urlOrNone = () => z.union([z.literal(''), url('http:', 'https:')])

const domain = () =>
  z.string().transform((text, context) => {
    const name = normaliseDomain(text)
    return name ?? fault(context, `${JSON.stringify(text)} is not a domain`)
  })

const cidr = () =>
  z.union([z.cidrv4(), z.cidrv6()], {
    error: ({ input }) => `${JSON.stringify(input)} is not a network such as 10.0.0.0/8`,
  })

const jid = () =>
  z.string().transform((text, context) => {
    const parsed = parseUserInput(text)
    return parsed.fault ? fault(context, `${JSON.stringify(text)} is not a JID such as alice@example.org`) : parsed.jid
  })

const hostPort = () =>
  z.string().transform((text, context) => {
    if (text === '') return null
    const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text)
    const port = Number(match?.[3])
    if (match && port < 65_536) return { host: match[1] ?? match[2] ?? '', port }
    return fault(context, `${JSON.stringify(text)} is not an address such as 127.0.0.1:9090`)
  })

const section = <T extends z.ZodRawShape>(shape: T) => z.prefault(z.strictObject(shape), {} as never)

export const DOMAIN_SCHEMA = z.strictObject({
  publish: z.enum(['none', 'status', 'details']).default('none'),
  roster: section({
    upstream: upstream().default(''),
    refreshUrl: urlOrNone().default(''),
    refreshHost: z.string().default(''),
  }),
})

/** Every key with its default; what it gives out has durations in ms, sizes in bytes, domains as A-labels. */
export const SCHEMA = z.strictObject({
  http: section({
    host: z.string().min(1).default('127.0.0.1'),
    port: integer(0, 65_535).prefault(8080),
    publicUrl: url('http:', 'https:')
      // Every address of ours is this and a path that begins at its root.
      .refine((text) => !URL.canParse(text) || `${new URL(text).origin}/` === new URL(text).href, {
        error: ({ input }) => `${quoted(input)} must be no more than https://host or https://host:port`,
      })
      .transform((text) => (URL.canParse(text) ? new URL(text).origin : text))
      .default('http://localhost:8080'),
    trustProxy: z
      .array(
        cidr().refine((network) => !network.endsWith('/0'), {
          error: ({ input }) => `${JSON.stringify(input)} would let everybody say any address`,
        }),
      )
      .default([]),
  }),
  ops: section({ listen: hostPort().prefault('127.0.0.1:9090') }),
  xmpp: section({
    connection: z.enum(['component', 'account']).default('component'),
    service: url('xmpp:').default('xmpp://127.0.0.1:5347'),
    domain: domain().prefault('presence.localhost'),
    secret: z.string().default(''),
    jid: z.string().default(''),
    password: z.string().default(''),
    sources: z
      .array(z.enum(['privileged', 'subscription', 'roster']))
      .min(1)
      .default(['privileged', 'subscription', 'roster']),
    verifyEvery: timerDuration(1000).prefault('15m'),
    staleAfter: duration().prefault('15m'),
    ejabberdApi: urlOrNone().default(''),
  }),
  domains: z.record(z.string(), z.nullable(DOMAIN_SCHEMA)).prefault({ localhost: {} }),
  admins: z.array(jid()).default([]),
  storage: section({ directory: z.string().min(1).default('./data') }),
  roster: section({
    tokens: z.array(z.string().min(1)).default([]),
    injectComponent: z.stringbool().or(z.boolean()).default(true),
  }),
  signIn: section({ domains: z.enum(['served', 'any']).default('served') }),
  outbound: section({ allowPrivate: z.array(cidr()).default([]) }),
  limits: section({
    stanza: size(1).prefault('64KiB'),
    text: integer(0, 65_536).prefault(1024),
    resources: integer(1, 1000).prefault(32),
    forgetAfter: duration().prefault('90d'),
    batch: integer(1, 100_000).prefault(1000),
    changeLog: duration().prefault('1h'),
    changeLogRows: integer(1).prefault(1_000_000),
    streamsPerApp: integer(1).prefault(10),
    connectionsPerAddress: integer(1).prefault(100),
    streamBuffer: size(1).prefault('1MiB'),
    streamLag: duration().prefault('10s'),
    frame: size(1).prefault('64KiB'),
    notifications: integer(1).prefault(100),
    webhookTimeout: duration().prefault('15s'),
  }),
})

function fault(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message })
  return z.NEVER
}
