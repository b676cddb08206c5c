import type Router from '@koa/router'
import type { Context } from 'koa'
import type { PendingSignIn, SignIn } from '../../accounts/sign-in.js'
import type { SignInRequests } from '../../accounts/sign-in-requests.js'
import type { Apps } from '../../apps/apps.js'
import type { Domains } from '../../presence/domains.js'
import { readForm } from '../read-body.js'
import type { Visitors } from '../visitors.js'
import type { FieldErrors } from './form.js'
import { localPath, signInPath } from './local-path.js'
import type { PageHandlers } from './page-handlers.js'
import type { PageWriter } from './page-writer.js'
import { seeOther } from './see-other.js'
import { sentence } from './sentence.js'
import { LinkPage, OverPage, SignInPage, WaitingPage } from './sign-in-pages.js'
import { typedJid, withoutScheme } from './typed-jid.js'

export interface SignInPagesParts {
  readonly visitors: Visitors
  readonly signIn: SignIn
  readonly signInRequests: SignInRequests
  readonly domains: Pick<Domains, 'address'>
  readonly apps: Apps
  readonly servedOnly: boolean
}

/** They may all stand in the pop-up that an app opened for its question. */
export function signInPages(
  router: Router,
  writer: PageWriter,
  handlers: PageHandlers,
  { visitors, signIn, signInRequests, domains, apps, servedOnly }: SignInPagesParts,
): void {
  const ask = async (ctx: Context, jid: string, errors: FieldErrors = {}, status = 200) => {
    const next = localPath(ctx.query.next)
    const [, appid] = /^\/(app_[\w-]+)\/grant\?/.exec(next) ?? []
    const app = appid === undefined ? null : await apps.find(appid)
    writer.write(
      ctx,
      { title: 'Sign in', visitor: null, status, popup: true },
      <SignInPage
        next={next}
        jid={jid}
        errors={errors}
        // An unproven domain is nobody's yet.
        asking={app?.active ? app.domain : null}
        servedOnly={servedOnly}
      />,
    )
  }
  const over = (ctx: Context) =>
    writer.write(
      ctx,
      { title: 'This sign-in is over', visitor: null, status: 410, popup: true },
      <OverPage next={localPath(ctx.query.next)} />,
    )

  router.get('/sign-in', async (ctx) => {
    if (await visitors.visitor(ctx)) seeOther(ctx, localPath(ctx.query.next))
    else await ask(ctx, '')
  })

  router.post('/sign-in', async (ctx) => {
    visitors.checkOrigin(ctx)
    const { jid = '' } = await readForm(ctx)
    const begun = await signInRequests.begin(withoutScheme(jid), visitors.address(ctx))
    switch (begun.kind) {
      case 'begun':
        visitors.beginSignIn(ctx, begun.secret)
        return seeOther(ctx, signInPath(localPath(ctx.query.next), begun.id))
      case 'malformed':
        return ask(ctx, jid, { jid: sentence(faultOf(jid)) }, 400)
      case 'link-down':
        ctx.set('Retry-After', '30')
        return ask(ctx, jid, { jid: 'No message can be sent at present: the connection is down. Try again soon.' }, 503)
      case 'limited': {
        const seconds = Math.ceil(begun.retryAfterMs / 1000)
        ctx.set('Retry-After', String(seconds))
        return ask(ctx, jid, { jid: `That was too often. Try again in ${minutes(seconds)}.` }, 429)
      }
    }
  })

  router.get('/sign-in/:id', async (ctx) => {
    const pending = signIn.pending(idOf(ctx), visitors.signInSecret(ctx))
    if (pending) return wait(ctx, pending)
    // Signed in meanwhile: by the script, or by the link.
    if (await visitors.visitor(ctx)) return seeOther(ctx, localPath(ctx.query.next))
    over(ctx)
  })

  router.post('/sign-in/:id', async (ctx) => {
    visitors.checkOrigin(ctx)
    const { code } = await readForm(ctx)
    const id = idOf(ctx)
    const secret = visitors.signInSecret(ctx)
    const pending = signIn.pending(id, secret)
    if (pending && code !== undefined && !/^\d{6}$/.test(code.replace(/\s/g, ''))) {
      const errors = { code: 'A code has six digits. This was counted as no try.' }
      return wait(ctx, pending, { errors, status: 400 })
    }
    const outcome = signIn.finish(id, secret, code ?? null)
    switch (outcome.kind) {
      case 'signed-in':
        await visitors.signIn(ctx, outcome.user)
        return seeOther(ctx, localPath(ctx.query.next))
      case 'waiting':
        return pending ? wait(ctx, pending, { unconfirmed: true }) : over(ctx)
      case 'wrong-code': {
        const left = outcome.triesLeft === 1 ? 'one try' : `${outcome.triesLeft} tries`
        const errors = { code: `That is not the code of this message. You have ${left} left.` }
        return pending ? wait(ctx, pending, { errors, status: 400 }) : over(ctx)
      }
      case 'codes-refused': {
        const code =
          'Too many wrong codes were tried today. Use the link of the message, or confirm in your XMPP client.'
        return pending ? wait(ctx, pending, { errors: { code }, status: 429 }) : over(ctx)
      }
      case 'over':
        if (await visitors.visitor(ctx)) return seeOther(ctx, localPath(ctx.query.next))
        return over(ctx)
    }
  })

  function wait(
    ctx: Context,
    { user, phrase }: PendingSignIn,
    { errors = {}, unconfirmed = false, status = 200 } = {},
  ) {
    writer.write(
      ctx,
      { title: 'Look at your messages', visitor: null, status, popup: true },
      <WaitingPage
        id={idOf(ctx)}
        next={localPath(ctx.query.next)}
        // Not as a roster writes her: whoever waits may be anybody, and would see by it who is there.
        jid={domains.address(user)}
        phrase={phrase}
        errors={errors}
        unconfirmed={unconfirmed}
      />,
    )
  }

  router.get('/sign-in/link/:token', (ctx) => {
    const token = tokenOf(ctx)
    const pending = signIn.linked(token)
    if (!pending) return over(ctx)
    const { user, phrase, address, at } = pending
    writer.write(
      ctx,
      { title: 'Sign in with this browser?', visitor: null },
      <LinkPage token={token} jid={writer.address(user)} phrase={phrase} address={address} at={at} />,
    )
  })

  router.post('/sign-in/link/:token', async (ctx) => {
    visitors.checkOrigin(ctx)
    const user = signIn.useLink(tokenOf(ctx))
    if (user === null) return over(ctx)
    await visitors.signIn(ctx, user)
    seeOther(ctx, '/account')
  })

  router.post(
    '/sign-out',
    handlers.form(async (ctx) => {
      await visitors.signOut(ctx)
      seeOther(ctx, ctx.query.next === undefined ? '/' : localPath(ctx.query.next))
    }),
  )
}

function faultOf(jid: string): string {
  const typed = typedJid(jid)
  return 'fault' in typed ? typed.fault : ''
}

function idOf(ctx: Context): string {
  return ctx.params.id ?? ''
}

function tokenOf(ctx: Context): string {
  return ctx.params.token ?? ''
}

function minutes(seconds: number): string {
  return seconds <= 60 ? 'a minute' : `${Math.ceil(seconds / 60)} minutes`
}
