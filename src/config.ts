import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse as parseYaml, YAMLParseError } from 'yaml'
import * as z from 'zod'
import { DOMAIN_SCHEMA, SCHEMA } from './config-schema.js'
import { normaliseDomain, parseUserInput } from './presence/jid.js'
import { unknownVariable } from './unknown-variable.js'

/** Every fault of a configuration, each naming its key. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.faults = faults
  }
}

type Parsed = z.output<typeof SCHEMA>

export interface DomainConfig {
  /** In the spelling of the configuration, which must be the server's own. */
  readonly written: string
  readonly publish: 'none' | 'status' | 'details'
  readonly roster: { readonly upstream: string; readonly refreshUrl: string; readonly refreshHost: string }
}

/** Durations in ms, sizes in bytes, domains as A-labels, `storage.directory` absolute. */
export type Config = Omit<Parsed, 'domains'> & { readonly domains: ReadonlyMap<string, DomainConfig> }

export interface LoadedConfig {
  readonly config: Config
  /** What is accepted and yet worth a line in the log. */
  readonly warnings: readonly string[]
}

/**
 * Reads YAML and `GATEWAY_…` variables over it. A relative `storage.directory` is relative to the file. Throws ConfigError.
 * `secretNeeded` false: for commands to a gateway that runs, which has its secret perhaps from elsewhere.
 */
export function loadConfig(
  file: string,
  environment: NodeJS.ProcessEnv = process.env,
  { secretNeeded = true }: { secretNeeded?: boolean } = {},
): LoadedConfig {
  const tree = readTree(file)
  const { faults, warnings } = applyEnvironment(tree, environment)
  const parsed = SCHEMA.safeParse(tree)
  faults.push(...(parsed.error?.issues ?? []).flatMap(describe))
  // What remains without the faulty keys is looked at, too, so that all faults come at once.
  const rest = parsed.success ? parsed : SCHEMA.safeParse(withoutFaulty(tree, parsed.error.issues))
  if (rest.success) {
    const served = new Map<string, DomainConfig>()
    for (const [written, settings] of Object.entries(rest.data.domains)) {
      const name = normaliseDomain(written)
      if (name === null) faults.push(`domains: ${JSON.stringify(written)} is not a domain`)
      else if (served.has(name)) faults.push(`domains: ${JSON.stringify(written)} is there twice`)
      else served.set(name, { ...(settings ?? DOMAIN_SCHEMA.parse({})), written: asServersWrite(written) })
    }
    const directory = resolve(dirname(file), rest.data.storage.directory)
    const jid = serverSpelling(rest.data.xmpp.jid)
    const xmpp = { ...rest.data.xmpp, jid, ...(needsService(tree) && { service: serviceOf(jid) }) }
    const config: Config = { ...rest.data, xmpp, domains: served, storage: { directory } }
    // Of a key that is faulty already nothing more is said.
    const said = faults.map((text) => text.slice(0, text.indexOf(':')))
    faults.push(
      ...contradictions(config, tree, secretNeeded).filter((text) => {
        const key = text.slice(0, text.indexOf(':'))
        return key === 'domains' || !said.includes(key)
      }),
    )
    if (faults.length === 0) return { config, warnings }
  }
  throw new ConfigError(faults)
}

function withoutFaulty(tree: Record<string, unknown>, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy = structuredClone(tree)
  for (const { path, ...issue } of issues) {
    const faulty = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path]
    for (const keys of faulty) remove(copy, keys)
  }
  return copy
}

/** Deletes what the path names; in a list, the whole list. */
function remove(tree: object, path: readonly PropertyKey[]): void {
  let parent: unknown = tree
  for (const [index, key] of path.entries()) {
    if (typeof parent !== 'object' || parent === null) return
    const child = (parent as Record<PropertyKey, unknown>)[key]
    if (index === path.length - 1 || Array.isArray(child)) {
      Reflect.deleteProperty(parent, key)
      return
    }
    parent = child
  }
}

/** Servers answer in lower case, whatever they are asked in. */
function asServersWrite(domain: string): string {
  return domain.toLowerCase().normalize('NFC')
}

function serverSpelling(jid: string): string {
  const at = jid.lastIndexOf('@') + 1
  return jid.slice(0, at) + asServersWrite(jid.slice(at))
}

function needsService({ xmpp }: Record<string, unknown>): boolean {
  return isMap(xmpp) && xmpp.connection === 'account' && xmpp.service === undefined
}

/** Where an account's server takes clients, if nothing else is said (RFC 6120 §3.2.2). */
function serviceOf(jid: string): string {
  return `xmpp://${normaliseDomain(jid.slice(jid.lastIndexOf('@') + 1)) ?? 'localhost'}:5222`
}

// sun_path holds 108 bytes, the last of them NUL (unix(7)).
const MAX_SOCKET_PATH_BYTES = 107

/** Where the running gateway listens for commands. */
export function controlSocket(config: Config): string {
  return resolve(config.storage.directory, 'control.sock')
}

function contradictions(config: Config, tree: Record<string, unknown>, secretNeeded: boolean): string[] {
  const faults: string[] = []
  const { xmpp } = config
  const isAccount = xmpp.connection === 'account'
  if (isAccount) {
    if (parseUserInput(xmpp.jid).fault !== undefined) {
      faults.push(`xmpp.jid: ${JSON.stringify(xmpp.jid)} is not an account's JID such as presence@example.org`)
    }
    if (secretNeeded && xmpp.password === '') {
      faults.push('xmpp.password: is missing; set it or GATEWAY_XMPP_PASSWORD')
    }
  } else if (secretNeeded && xmpp.secret === '') faults.push('xmpp.secret: is missing; set it or GATEWAY_XMPP_SECRET')
  if (isMap(tree.domains) && Object.keys(tree.domains).length === 0) faults.push('domains: names no domain to serve')
  if (!isAccount && config.domains.has(xmpp.domain)) faults.push(`domains: ${xmpp.domain} is the component itself`)
  if (Buffer.byteLength(controlSocket(config)) > MAX_SOCKET_PATH_BYTES) {
    faults.push(
      `storage.directory: is too long for the control socket in it (at most ${MAX_SOCKET_PATH_BYTES - 13} bytes)`,
    )
  }
  return faults
}

function readTree(file: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' ? 'there is no such file; `presence-gateway init` writes one' : `cannot be read (${code})`
    throw new ConfigError([`${file}: ${why}`])
  }
  try {
    const tree: unknown = parseYaml(text, { maxAliasCount: 100 })
    if (tree === null) return {}
    if (isMap(tree)) {
      // A section whose keys are all commented out.
      for (const [key, value] of Object.entries(tree)) if (value === null) delete tree[key]
      return tree
    }
    throw new ConfigError([`${file}: is not a map of keys`])
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const where = error instanceof YAMLParseError ? error.linePos?.[0] : undefined
    const message = (error as Error).message.split('\n')[0]
    throw new ConfigError([`${file}: ${where ? '' : 'not YAML: '}${message}`])
  }
}

const PREFIX = 'GATEWAY_'
const SECTIONS = SCHEMA.shape

/** Every key that a variable can set: `GATEWAY_XMPP_VERIFYEVERY` → [`xmpp`, `verifyEvery`]. */
function variables(): Map<string, readonly [string, string?]> {
  const names = new Map<string, readonly [string, string?]>([
    ['GATEWAY_DOMAINS', ['domains']],
    ['GATEWAY_ADMINS', ['admins']],
  ])
  for (const [name, schema] of Object.entries(SECTIONS)) {
    if (!(schema instanceof z.ZodPrefault)) continue
    const inner = schema.def.innerType
    if (!(inner instanceof z.ZodObject)) continue
    for (const key of Object.keys(inner.shape)) names.set(`${PREFIX}${name}_${key}`.toUpperCase(), [name, key])
  }
  return names
}

const LISTS = new Set(['trustProxy', 'sources', 'tokens', 'allowPrivate', 'admins'])

function applyEnvironment(
  tree: Record<string, unknown>,
  environment: NodeJS.ProcessEnv,
): { faults: string[]; warnings: string[] } {
  const faults: string[] = []
  const warnings: string[] = []
  const known = variables()
  for (const [name, text] of Object.entries(environment)) {
    if (!name.toUpperCase().startsWith(PREFIX) || text === undefined) continue
    const path = known.get(name)
    if (!path) {
      // No fault: other programs may have variables of such names.
      const warning = unknownVariable(name, text, known.keys())
      if (warning !== null) warnings.push(warning)
      continue
    }
    const [top, key] = path
    if (top === 'domains') {
      try {
        tree.domains = JSON.parse(text)
      } catch {
        faults.push(`${name}: is not JSON`)
      }
      continue
    }
    const value = LISTS.has(key ?? top) ? list(text) : text
    if (key === undefined) tree[top] = value
    else if (tree[top] === undefined || isMap(tree[top])) tree[top] = { ...(tree[top] ?? {}), [key]: value }
  }
  return { faults, warnings }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function describe(issue: z.core.$ZodIssue): string[] {
  const key = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') return issue.keys.map((name) => `${key ? `${key}.` : ''}${name}: no such key`)
  return [`${key || 'the configuration'}: ${issue.message}`]
}

/** The configuration of a gateway that runs already. Throws ConfigError. */
export function loadRunningConfig(file: string): Config {
  return loadConfig(file, process.env, { secretNeeded: false }).config
}
