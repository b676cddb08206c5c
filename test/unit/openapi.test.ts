import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Router from '@koa/router'
import { parse } from 'yaml'
import { RosterTokens } from '../../src/http/roster-tokens.js'
import { appIconRoute } from '../../src/http/routes/app-icons.js'
import { appRoutes } from '../../src/http/routes/apps.js'
import { jwksRoute } from '../../src/http/routes/jwks.js'
import { meRoutes } from '../../src/http/routes/me.js'
import { presenceStreamRoute } from '../../src/http/routes/presence-stream.js'
import { rosterRoutes } from '../../src/http/routes/rosters.js'
import { sessionRoutes } from '../../src/http/routes/sessions.js'
import { signInRoutes } from '../../src/http/routes/sign-in.js'
import { ticketRoutes } from '../../src/http/routes/tickets.js'
import { tokenRoutes } from '../../src/http/routes/tokens.js'
import { webhookRoutes } from '../../src/http/routes/webhooks.js'
import { Domains } from '../../src/presence/domains.js'
import { Rosters } from '../../src/roster/rosters.js'
import { REPOSITORY } from '../support/repository.js'

const METHODS = ['get', 'put', 'post', 'patch', 'delete']
/** Answered before the router is asked. */
const BEFORE_THE_ROUTER = ['get /contacts/{username}', 'get /roster/{domain}/{username}', 'get /xmpp/status/{jid}']
const BESIDE = ['post /xmpp/status']

describe('docs/openapi.yaml', () => {
  const document = parse(readFileSync(join(REPOSITORY, 'docs', 'openapi.yaml'), 'utf8'))

  it('names every route, and none that is not there', () => {
    const router = new Router()
    const store = { printed: async () => '', save: async () => {}, users: async () => [] }
    rosterRoutes(router, {
      rosters: new Rosters(store),
      domains: new Domains(['localhost']),
      tokens: new RosterTokens([]),
      isKeptHere: () => true,
      component: null,
      refresh: async () => ({ updated: 0, errors: 0 }),
    })
    // Nobody asks them anything.
    const none = {} as never
    signInRoutes(router, { requests: none, signIn: none, visitors: none, domains: none })
    sessionRoutes(router, { sessions: none, visitors: none })
    tokenRoutes(router, { tokens: none, visitors: none })
    appRoutes(router, { apps: none, webhooks: none, visitors: none, publicUrl: '', domains: none })
    webhookRoutes(router, { apps: none, webhooks: none, visitors: none })
    appIconRoute(router, none)
    meRoutes(router, { accounts: none, grants: none, visitors: none, domains: none, clock: none, publicUrl: '' })
    jwksRoute(router, none)
    ticketRoutes(router, { gate: none, tickets: none })
    presenceStreamRoute(router, { streams: none, gate: none, address: none, clock: none })
    const routes = router.stack.flatMap(({ methods, path }) =>
      methods
        .filter((method) => method !== 'HEAD' && method !== 'OPTIONS')
        .map((method) => `${method.toLowerCase()} ${String(path).replace(/:(\w+)/g, '{$1}')}`),
    )
    const documented = Object.entries<object>(document.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => method in item).map((method) => `${method} ${path}`),
    )
    assert.deepEqual(documented.sort(), [...routes, ...BEFORE_THE_ROUTER, ...BESIDE].sort())
  })

  it('refers to nothing that it has not', () => {
    for (const [, path = ''] of JSON.stringify(document).matchAll(/"#\/([^"]+)"/g)) {
      const found = path
        .split('/')
        .reduce<Record<string, unknown> | undefined>((part, key) => part?.[key] as typeof part, document)
      assert(found, path)
    }
  })
})
