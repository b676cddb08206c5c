import type Router from '@koa/router'
import type { Context, Next } from 'koa'
import type { Domains } from '../../presence/domains.js'
import { type BareJid, normaliseDomain, parseBareJid, parseUserInput } from '../../presence/jid.js'
import { type Contact, type ContactJid, parseContactJid, type Roster } from '../../roster/contact.js'
import { readContact } from '../../roster/contact-json.js'
import { HERSELF, readRoster } from '../../roster/roster-json.js'
import { type Edited, type Rosters, TooManyContacts } from '../../roster/rosters.js'
import { HttpFault } from '../fault.js'
import { readJson } from '../read-body.js'
import { CHALLENGE, NO_TOKEN, NOT_SERVED } from '../roster-endpoint.js'
import type { RosterTokens } from '../roster-tokens.js'

export interface RefreshOutcome {
  readonly updated: number
  readonly errors: number
}

export interface RosterRouteParts {
  readonly rosters: Rosters
  readonly domains: Domains
  readonly tokens: RosterTokens
  /** Whether the rosters of that domain are kept here, not by another web app. */
  readonly isKeptHere: (domain: string) => boolean
  /** The component's own JID where it is in every roster; null: it is not. */
  readonly component: ContactJid | null
  /** Makes the server take over the rosters of these users as they are now. */
  readonly refresh: (domain: string, users: readonly BareJid[]) => Promise<RefreshOutcome>
}

// Ten thousand contacts with a name and groups are some 2 MB.
const MOST_BYTES = 4 * 1024 * 1024
const PAGE = 100
const MOST_USERS_A_PAGE = 1000
const MOST_REFRESHED = 10_000
const UPDATED = { status: 'ok', message: 'roster update complete' } as const

/** Everything about rosters but what the server fetches (see RosterEndpoint). */
export function rosterRoutes(router: Router, parts: RosterRouteParts): void {
  const { rosters, domains, tokens, isKeptHere, component, refresh } = parts

  async function admitted(ctx: Context, next: Next): Promise<void> {
    if (!tokens.admits(ctx.get('Authorization'))) {
      ctx.set('WWW-Authenticate', CHALLENGE)
      throw new HttpFault(401, 112, NO_TOKEN)
    }
    ctx.set('Cache-Control', 'no-store')
    await next()
  }

  function domainOf(name: string | undefined): string {
    if (name === undefined) return [...domains][0] ?? ''
    const domain = normaliseDomain(name)
    if (domain === null || !domains.has(domain)) throw new HttpFault(404, 130, NOT_SERVED)
    return domain
  }

  function keptHere(domain: string): string {
    if (isKeptHere(domain)) return domain
    throw new HttpFault(409, 131, `the rosters of ${domain} come from its roster.upstream: change them there`)
  }

  /** By name, or by a JID of whatever served domain. */
  function userOf(text: string, domain: string): BareJid {
    const parsed = text.includes('@') ? parseUserInput(text) : parseBareJid(text, domain)
    if (parsed.fault !== undefined) throw new HttpFault(400, 102, `${JSON.stringify(text)} is not a user`)
    keptHere(domainOf(parsed.domain))
    return parsed.jid
  }

  function contactOf(text: string): ContactJid {
    const jid = parseContactJid(text)
    if (jid === null) throw new HttpFault(400, 102, `${JSON.stringify(text)} is not the bare JID of a contact`)
    if (jid === component) throw new HttpFault(409, 131, `${jid} is in every roster by itself`)
    return jid
  }

  function addressed(ctx: Context): { user: BareJid; contact: ContactJid } {
    const domain = keptHere(domainOf(ctx.params.domain))
    const user = parseBareJid(ctx.params.username, domain)
    if (user.fault !== undefined)
      throw new HttpFault(400, 102, `${JSON.stringify(ctx.params.username)} is not a username`)
    return { user: user.jid, contact: contactOf(ctx.params.contact) }
  }

  /** The part of a contact that a body gives. */
  async function contactIn(ctx: Context): Promise<Partial<Contact>> {
    const read = readContact(await readJson(ctx, MOST_BYTES))
    if (!read) throw new HttpFault(400, 101, 'the body must be an object')
    const [fault] = read.faults
    if (fault) throw new HttpFault(400, 101, fault)
    return read.said
  }

  function pair(between: unknown, domain: string): [BareJid, BareJid] {
    const isPair = Array.isArray(between) && between.length === 2 && between.every((who) => typeof who === 'string')
    if (!isPair) throw new HttpFault(400, 101, 'between: must be two usernames or JIDs')
    const [one, other] = between.map((who) => userOf(who, domain)) as [BareJid, BareJid]
    if (one === other) throw new HttpFault(400, 101, 'between: nobody is her own contact')
    return [one, other]
  }

  router.get('/roster/:domain', admitted, async (ctx) => {
    const domain = keptHere(domainOf(ctx.params.domain))
    const { after = '', limit = String(PAGE) } = ctx.query
    const most = Number(limit)
    if (typeof after !== 'string') throw new HttpFault(400, 101, 'after: must be one username')
    if (!Number.isInteger(most) || most < 1 || most > MOST_USERS_A_PAGE) {
      throw new HttpFault(400, 101, `limit: must be a number from 1 to ${MOST_USERS_A_PAGE}`)
    }
    const users = (await rosters.users(domain, after, most)).map((user) => user.slice(0, -domain.length - 1))
    ctx.body = { users, next: users.length < most ? null : users.at(-1) }
  })

  router.put('/roster/:domain/:username', admitted, async (ctx) => {
    const domain = keptHere(domainOf(ctx.params.domain))
    const user = parseBareJid(ctx.params.username ?? '', domain)
    if (user.fault !== undefined)
      throw new HttpFault(400, 102, `${JSON.stringify(ctx.params.username)} is not a username`)
    const read = readRoster(await readJson(ctx, MOST_BYTES), user.jid)
    if (!read) throw new HttpFault(400, 101, 'the body must be an object of contacts by JID')
    const [fault] = read.faults
    if (fault) throw new HttpFault(400, 101, `${JSON.stringify(fault.entry)}: ${fault.why}`)
    // As it is served it may come back.
    const roster = new Map([...read.roster].filter(([jid]) => jid !== component))
    await bounded(rosters.edit([user.jid], () => new Map([[user.jid, roster]])))
    ctx.body = OK
  })

  router.put('/roster/:domain/:username/contacts/:contact', admitted, async (ctx) => {
    const { user, contact } = addressed(ctx)
    if (contact === user) throw new HttpFault(400, 101, `${JSON.stringify(contact)}: ${HERSELF}`)
    const said = await contactIn(ctx)
    const existed = await bounded(rosters.setContact(user, contact, () => ({ name: null, groups: [], ...said })))
    ctx.status = existed ? 200 : 201
    ctx.body = OK
  })

  router.patch('/roster/:domain/:username/contacts/:contact', admitted, async (ctx) => {
    const { user, contact } = addressed(ctx)
    const said = await contactIn(ctx)
    const existed = await bounded(rosters.setContact(user, contact, (before) => before && { ...before, ...said }))
    if (!existed) throw new HttpFault(404, 130, `${contact} is no contact of ${user}`)
    ctx.body = OK
  })

  router.delete('/roster/:domain/:username/contacts/:contact', admitted, async (ctx) => {
    const { user, contact } = addressed(ctx)
    const existed = await bounded(rosters.setContact(user, contact, () => null))
    if (!existed) throw new HttpFault(404, 130, `${contact} is no contact of ${user}`)
    ctx.body = OK
  })

  router.post('/roster/:domain/friendships', admitted, async (ctx) => {
    const domain = keptHere(domainOf(ctx.params.domain))
    const [one, other] = pair(((await readJson(ctx, MOST_BYTES)) as { between?: unknown } | null)?.between, domain)
    await bounded(rosters.edit([one, other], (before) => befriended(before, one, other)))
    ctx.body = OK
  })

  router.delete('/roster/:domain/friendships', admitted, async (ctx) => {
    const domain = keptHere(domainOf(ctx.params.domain))
    const [one, other] = pair(ctx.query.between, domain)
    await bounded(rosters.edit([one, other], (before) => parted(before, one, other)))
    ctx.body = OK
  })

  for (const prefix of ['/roster_admin', '/roster_admin/:domain']) {
    router.post(`${prefix}/refresh`, admitted, async (ctx) => {
      const domain = domainOf(ctx.params.domain)
      const names = await readJson(ctx, MOST_BYTES)
      if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
        throw new HttpFault(400, 101, 'the body must be an array of usernames')
      }
      if (names.length > MOST_REFRESHED) throw new HttpFault(413, 104, `at most ${MOST_REFRESHED} in one request`)
      ctx.body = { ...UPDATED, ...(await refreshed(domain, names)) }
    })
    router.get(`${prefix}/refresh/:username`, admitted, async (ctx) => {
      const { errors } = await refreshed(domainOf(ctx.params.domain), [ctx.params.username ?? ''])
      if (errors > 0) throw new HttpFault(500, 150, 'the roster could not be refreshed')
      ctx.body = UPDATED
    })
  }

  /** A name that nobody can have is an error like any other. */
  async function refreshed(domain: string, names: readonly string[]): Promise<RefreshOutcome> {
    const users = new Set<BareJid>()
    let errors = 0
    for (const name of names) {
      const user = parseBareJid(name, domain)
      if (user.fault === undefined) users.add(user.jid)
      else errors++
    }
    if (users.size === 0) return { updated: 0, errors }
    const outcome = await refresh(domain, [...users])
    return { updated: outcome.updated, errors: errors + outcome.errors }
  }
}

const OK = { result: 'OK' } as const

/** What each has of the other already stays. */
function befriended(before: Edited, one: BareJid, other: BareJid): Edited {
  const withFriend = (user: BareJid, friend: BareJid): Roster =>
    new Map([[friend, { name: null, groups: [] }], ...(before.get(user) ?? [])])
  return new Map([
    [one, withFriend(one, other)],
    [other, withFriend(other, one)],
  ])
}

function parted(before: Edited, one: BareJid, other: BareJid): Edited {
  return new Map(
    [...before].map(([user, roster]) => [user, new Map([...roster].filter(([jid]) => jid !== one && jid !== other))]),
  )
}

async function bounded<T>(edit: Promise<T>): Promise<T> {
  try {
    return await edit
  } catch (error) {
    throw error instanceof TooManyContacts ? new HttpFault(413, 104, error.message) : error
  }
}
