import type { Forgotten } from '../accounts/forgotten.js'
import type { Clock } from '../presence/clock.js'
import type { BareJid } from '../presence/jid.js'
import { OneAtATime } from '../presence/one-at-a-time.js'
import { type App, type AppId, SCOPES, type Scope } from './app.js'
import type { Grant, GrantStore } from './grant.js'
import { type Outbound, OutboundError } from './outbound.js'
import type { PresenceTokens } from './presence-tokens.js'
import { readRedirect, withQuery } from './redirect.js'
import { redirectFault } from './redirect-fault.js'

const MOST_STATE = 1024
const UID_BYTES = 16

/** As the app's link to the page says it. */
export interface GrantQuery {
  readonly appid: string | undefined
  readonly redirect: string | undefined
  readonly state: string | undefined
  /** Separated by spaces. */
  readonly scope: string | undefined
}

/** What a user is asked. */
export interface AskedGrant {
  readonly kind: 'asked'
  readonly app: App
  readonly redirect: URL
  readonly state: string | null
  /** `status` is always among them. */
  readonly scope: readonly Scope[]
}

/** Shown to whoever came by that link; nobody is sent anywhere. */
export interface RefusedQuery {
  readonly kind: 'refused'
  readonly status: 400 | 403 | 404 | 503
  readonly errno: number
  readonly why: string
}

/** It has to be looked up whether she may be asked, and that is done for nobody whom we do not know. */
export interface SignInFirst {
  readonly kind: 'sign-in-first'
}

/** `before` null: it is new; `after` null: she took it back. */
export interface GrantChange {
  readonly before: Grant | null
  readonly after: Grant | null
}

export interface GrantParts {
  readonly store: GrantStore
  readonly apps: { find(appid: AppId): Promise<App | null> }
  readonly outbound: Pick<Outbound, 'isAllowedPrivate'>
  readonly tokens: Pick<PresenceTokens, 'issue'>
  readonly forgotten: Pick<Forgotten, 'has'>
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
}

/** Which apps may see whom. */
export class Grants {
  readonly #parts: GrantParts
  readonly #listeners = new Set<(change: GrantChange) => void>()
  /** One change after the other: two of one user's must not begin from the same one. */
  readonly #line = new OneAtATime()

  constructor(parts: GrantParts) {
    this.#parts = parts
  }

  /** Called after each change that is stored, until the returned function is called. Must not throw. */
  onChange(listener: (change: GrantChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async request(
    { appid, redirect, state, scope }: GrantQuery,
    isSignedIn: boolean,
  ): Promise<AskedGrant | RefusedQuery | SignInFirst> {
    const { apps, outbound } = this.#parts
    const app = isAppId(appid) ? await apps.find(appid) : null
    // Its domain is nobody's yet, so neither is its name.
    if (!app || app.verifiedAt === null) {
      return refused(404, 130, 'there is no such app, or its domain is not proven yet')
    }
    if (!app.active) return refused(403, 122, 'this app is not active: its members activate it at /myapps')
    if (redirect !== undefined && !isSignedIn && /^http:/i.test(redirect)) return { kind: 'sign-in-first' }
    let url: URL | null
    try {
      url = redirect === undefined ? null : await readRedirect(redirect, app, outbound)
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error
      return refused(503, 152, `redirect: ${app.domain} cannot be looked up now; try again in a moment`)
    }
    if (!url) return refused(400, 101, `redirect: ${redirectFault(redirect, app)}`)
    if (state !== undefined && state.length > MOST_STATE) {
      return refused(400, 101, `state: must have at most ${MOST_STATE} characters`)
    }
    const words = scope?.split(' ').filter(Boolean) ?? []
    const unknown = words.find((word) => !SCOPES.includes(word as Scope))
    if (unknown !== undefined) return refused(400, 101, `scope: must be of the words ${SCOPES.join(', ')}`)
    const asked = words.length > 0 ? (words as Scope[]) : app.scope
    return { kind: 'asked', app, redirect: url, state: state ?? null, scope: withStatus(asked) }
  }

  /**
   * She lets it see that much of her, at most what was asked; in place of what she let it see before, by the same uid. What she
   * has paused stays so: an app must not get out of that by asking again. null: she, or the app, is not there any more. Durable
   * once resolved.
   */
  async allow(
    user: BareJid,
    asked: AskedGrant,
    scope: readonly Scope[],
  ): Promise<{ readonly location: URL; readonly uid: string } | null> {
    const { app, redirect, state } = asked
    const { apps, tokens, clock, random } = this.#parts
    const grant = await this.#edit(user, app.appid, async (before) => {
      if (!(await apps.find(app.appid))?.active) return null
      return {
        user,
        appid: app.appid,
        uid: before?.uid ?? `UID${random(UID_BYTES).toString('base64url')}`,
        scope: withStatus(scope.filter((word) => asked.scope.includes(word))),
        paused: before?.paused ?? false,
        grantedAt: before?.grantedAt ?? clock.now(),
      }
    })
    if (!grant) return null
    const { uid } = grant
    const token = await tokens.issue({ appid: app.appid, uid, state })
    const said = { 'Presence-UID': uid, ...(state !== null && { state }), presence_token: token }
    return { location: withQuery(redirect, said), uid }
  }

  /** Where she is sent who does not. */
  refuse({ redirect, state }: AskedGrant): URL {
    return withQuery(redirect, { error: 'access_denied', ...(state !== null && { state }) })
  }

  /** Hers, with the app of each. */
  async of(user: BareJid): Promise<readonly { readonly grant: Grant; readonly app: App }[]> {
    const grants = await this.#parts.store.ofUser(user)
    const found = await Promise.all(
      grants.map(async (grant) => ({ grant, app: await this.#parts.apps.find(grant.appid) })),
    )
    return found.flatMap(({ grant, app }) => (app ? [{ grant, app }] : []))
  }

  async find(user: BareJid, appid: string): Promise<Grant | null> {
    return isAppId(appid) ? this.#parts.store.find(user, appid) : null
  }

  /** null: there is none. Durable once resolved. */
  async change(user: BareJid, appid: string, to: Partial<Pick<Grant, 'paused' | 'scope'>>): Promise<Grant | null> {
    if (!isAppId(appid)) return null
    const scope = to.scope && { scope: withStatus(to.scope) }
    return this.#edit(user, appid, async (before) => before && { ...before, ...to, ...scope })
  }

  /** Its uid is gone with it. false: there was none. Durable once resolved. */
  async revoke(user: BareJid, appid: string): Promise<boolean> {
    if (!isAppId(appid)) return false
    return this.#line.run(async () => {
      const before = await this.#parts.store.find(user, appid)
      if (!before) return false
      if (!(await this.#parts.store.remove(user, appid))) return false
      this.#tell({ before, after: null })
      return true
    })
  }

  /** They went with an account or an app, and are gone from the store already. */
  gone(grants: readonly Grant[]): void {
    for (const before of grants) this.#tell({ before, after: null })
  }

  #edit(
    user: BareJid,
    appid: AppId,
    edit: (before: Grant | null) => Promise<Omit<Grant, 'changedIn'> | null>,
  ): Promise<Grant | null> {
    const { store, forgotten } = this.#parts
    return this.#line.run(async () => {
      const before = await store.find(user, appid)
      const after = await edit(before)
      // Nothing may come between this and saving: who deletes her account in another tab gets nothing after it.
      if (!after || forgotten.has(user)) return null
      const saved = await store.save(after)
      this.#tell({ before, after: saved })
      return saved
    })
  }

  #tell(change: GrantChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}

function isAppId(text: string | undefined): text is AppId {
  return text !== undefined && /^app_[A-Za-z0-9_-]{24}$/.test(text)
}

/** Each once, in one order. */
function withStatus(scope: readonly Scope[]): readonly Scope[] {
  return SCOPES.filter((word) => word === 'status' || scope.includes(word))
}

function refused(status: RefusedQuery['status'], errno: number, why: string): RefusedQuery {
  return { kind: 'refused', status, errno, why }
}
