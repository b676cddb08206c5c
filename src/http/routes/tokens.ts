import type Router from '@koa/router'
import type { PersonalToken } from '../../accounts/personal-token.js'
import { MOST_TOKENS, type PersonalTokens, readTokenName } from '../../accounts/personal-tokens.js'
import { HttpFault } from '../fault.js'
import { readJson } from '../read-body.js'
import { rfc3339 } from '../rfc3339.js'
import type { Visitors } from '../visitors.js'

export interface TokenRouteParts {
  readonly tokens: PersonalTokens
  readonly visitors: Visitors
}

const MOST_BYTES = 4096

/** The tokens of a user's scripts. */
export function tokenRoutes(router: Router, { tokens, visitors }: TokenRouteParts): void {
  router.get('/api/tokens', async (ctx) => {
    ctx.body = { tokens: (await tokens.ofUser(await visitors.apiUser(ctx))).map(shown) }
  })

  // Not with a token: one that was stolen must not outlive its removal by having made others.
  router.post('/api/tokens', async (ctx) => {
    const find = () => visitors.apiVisitor(ctx)
    const { user } = await find()
    const sent = await visitors.sent(ctx, readJson(ctx, MOST_BYTES), find)
    const said = (sent as { name?: unknown } | null)?.name
    const name = typeof said === 'string' ? readTokenName(said) : null
    if (name === null) throw new HttpFault(400, 101, 'name: must be a text of 1 to 100 characters')
    const made = await tokens.create(user, name)
    if (!made) throw new HttpFault(413, 104, `at most ${MOST_TOKENS} tokens: remove one first`)
    ctx.body = { ...shown(made), token: made.token }
  })

  router.delete('/api/tokens/:id', async (ctx) => {
    const isThere = await tokens.remove(await visitors.apiUser(ctx), ctx.params.id ?? '')
    if (!isThere) throw new HttpFault(404, 130, 'there is no such token')
    ctx.body = { result: 'OK' }
  })
}

function shown({ id, name, createdAt }: PersonalToken) {
  return { id, name, createdAt: rfc3339(createdAt) }
}
