import type Router from '@koa/router'
import type { Context } from 'koa'
import type { GrantQuery, Grants } from '../../apps/grants.js'
import { HttpFault } from '../fault.js'
import { GrantPage } from './grant-page.js'
import { survivesSignIn } from './local-path.js'
import type { PageHandlers } from './page-handlers.js'
import type { PageWriter } from './page-writer.js'
import { scopeIn } from './scope-words.js'
import { seeOther } from './see-other.js'
import { shownName } from './shown-name.js'

export interface GrantPagesParts {
  readonly grants: Grants
}

/** The consent page. What is wrong with a request is shown here, never at the URL that it names. */
export function grantPages(
  router: Router,
  writer: PageWriter,
  handlers: PageHandlers,
  { grants }: GrantPagesParts,
): void {
  const askedFor = async (ctx: Context, isSignedIn: boolean) => {
    if (!survivesSignIn(ctx.url)) {
      throw new HttpFault(400, 101, 'the app that sent you here may not ask like this: its link is too long')
    }
    const asked = await grants.request(queryOf(ctx), isSignedIn)
    if (asked.kind === 'refused') {
      const why = asked.status === 400 ? `the app that sent you here may not ask like this: ${asked.why}` : asked.why
      throw new HttpFault(asked.status, asked.errno, why)
    }
    return asked.kind === 'asked' ? asked : null
  }

  router.get('/:appid/grant', async (ctx) => {
    // First of all: nobody needs to sign in for what cannot be asked.
    await askedFor(ctx, false)
    await handlers.page(async (_, { user, csrf, ...visitor }) => {
      const asked = await askedFor(ctx, true)
      if (!asked) return
      const { app, redirect, scope } = asked
      const before = await grants.find(user, app.appid)
      const page = {
        title: `Let ${shownName(app.name, app.domain)} see you?`,
        visitor: { user, csrf, ...visitor },
        popup: true,
        afterSignOut: ctx.url,
        formOrigin: redirect.origin,
      }
      writer.write(
        ctx,
        page,
        <GrantPage
          csrf={csrf}
          user={writer.address(user)}
          action={ctx.url}
          app={app}
          host={redirect.host}
          scope={scope}
          before={before}
        />,
      )
    })(ctx)
  })

  router.post(
    '/:appid/grant',
    handlers.form(async (ctx, { user }, fields) => {
      const asked = await askedFor(ctx, true)
      if (!asked) return
      if (fields.answer !== 'allow') return seeOther(ctx, grants.refuse(asked).href)
      const allowed = await grants.allow(user, asked, scopeIn(fields))
      if (!allowed) throw new HttpFault(409, 131, 'it cannot be allowed any more: the app or your account is gone')
      ctx.set('Presence-UID', allowed.uid)
      seeOther(ctx, allowed.location.href)
    }),
  )
}

/** A parameter that is there twice might be read one way here and another way there. */
function queryOf(ctx: Context): GrantQuery {
  const one = (name: string) => {
    const value = ctx.query[name]
    if (Array.isArray(value)) throw new HttpFault(400, 101, `${name}: is there more than once`)
    return value
  }
  return { appid: ctx.params.appid, redirect: one('redirect'), state: one('state'), scope: one('scope') }
}
