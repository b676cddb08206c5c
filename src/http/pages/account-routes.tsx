import type Router from '@koa/router'
import type { Context } from 'koa'
import { type PersonalTokens, readTokenName } from '../../accounts/personal-tokens.js'
import type { Sessions } from '../../accounts/sessions.js'
import type { Accounts } from '../../apps/accounts.js'
import type { Grants } from '../../apps/grants.js'
import { type BareJid, domainOf } from '../../presence/jid.js'
import { PUBLICATION_CHOICES, type Publication } from '../../presence/publication.js'
import { HttpFault } from '../fault.js'
import type { PublicView } from '../public-view.js'
import { STATUS_PATH } from '../status-endpoint.js'
import type { Visitor, Visitors } from '../visitors.js'
import { AccountPage } from './account-page.js'
import { DeletedPage, DeletePage } from './delete-page.js'
import { doneAt, doneOf } from './done.js'
import type { Done, FieldErrors } from './form.js'
import type { Fields, PageHandlers } from './page-handlers.js'
import type { PageWriter } from './page-writer.js'
import { scopeIn } from './scope-words.js'
import { SecretPage } from './secret-page.js'
import { seeOther } from './see-other.js'
import { typedJid } from './typed-jid.js'

export interface AccountPagesParts {
  readonly publicUrl: string
  readonly visitors: Visitors
  readonly view: PublicView
  readonly accounts: Accounts
  /** As the configuration has it, for whoever chose nothing. */
  readonly publicationOf: (domain: string) => Publication
  readonly grants: Grants
  readonly sessions: Sessions
  readonly tokens: PersonalTokens
}

/** What may stand in `?done=`, and what it says. */
const DONE: Readonly<Record<string, Done>> = {
  published: { at: 'publish', text: 'Saved: that is what anybody sees from now on.' },
  scope: { at: 'apps', text: 'Saved.' },
  paused: { at: 'apps', text: 'It is paused: to it you are offline until you resume it.' },
  resumed: { at: 'apps', text: 'It sees you again.' },
  revoked: { at: 'apps', text: 'It is revoked, and sees nothing of you any more.' },
  link: { at: 'link', text: 'The public link is gone.' },
  token: { at: 'tokens', text: 'The token is gone.' },
}

export function accountPages(
  router: Router,
  writer: PageWriter,
  { page, form }: PageHandlers,
  parts: AccountPagesParts,
): void {
  const { publicUrl, visitors, view, accounts, grants, sessions, tokens } = parts

  const show = async (ctx: Context, visitor: Visitor, errors: FieldErrors = {}) => {
    const { user, csrf, session } = visitor
    const domain = domainOf(user)
    const { publish, hasLink } = accounts.of(user)
    const [granted, browsers, hers] = await Promise.all([grants.of(user), sessions.ofUser(user), tokens.ofUser(user)])
    writer.write(
      ctx,
      { title: 'Your account', visitor, status: Object.keys(errors).length === 0 ? 200 : 400 },
      <AccountPage
        csrf={csrf}
        user={writer.address(user)}
        seen={view.of(user, domain)}
        statusUrl={`${STATUS_PATH}/${encodeURIComponent(user)}.txt`}
        choice={publish}
        byDomain={{ domain: domainOf(writer.address(user) as BareJid), publication: parts.publicationOf(domain) }}
        granted={granted}
        sessions={browsers}
        current={session.id}
        tokens={hers}
        hasLink={hasLink}
        errors={errors}
        notice={doneOf(ctx, DONE)}
      />,
    )
  }

  router.get('/account', page(show))

  router.post(
    '/account/publish',
    form(async (ctx, { user }, { publish }) => {
      const choice = PUBLICATION_CHOICES.find((each) => each === publish)
      if (!choice) throw new HttpFault(400, 101, 'publish: is none of the choices')
      await accounts.publish(user, choice)
      seeOther(ctx, doneAt('/account', 'published'))
    }),
  )

  // Whatever is gone already is as she wants it.
  const grantForm = (
    path: string,
    done: string,
    act: (user: BareJid, appid: string, fields: Fields) => Promise<unknown>,
  ) =>
    router.post(
      `/account/apps/:appid/${path}`,
      form(async (ctx, { user }, fields) => {
        await act(user, ctx.params.appid, fields)
        seeOther(ctx, doneAt('/account', done))
      }),
    )
  grantForm('pause', 'paused', (user, appid) => grants.change(user, appid, { paused: true }))
  grantForm('resume', 'resumed', (user, appid) => grants.change(user, appid, { paused: false }))
  grantForm('revoke', 'revoked', (user, appid) => grants.revoke(user, appid))
  grantForm('scope', 'scope', (user, appid, fields) => grants.change(user, appid, { scope: scopeIn(fields) }))

  router.post(
    '/account/link',
    form(async (ctx, visitor) => {
      // As text: browsers show XML to people as it is.
      const url = `${publicUrl}${STATUS_PATH}/~${await accounts.renewLink(visitor.user)}.txt`
      writer.write(
        ctx,
        { title: 'Your public link', visitor },
        <SecretPage
          title="Your public link"
          label="The link"
          secret={url}
          hint="It tells your status and its text (with .json in place of .txt) to whoever has it, and not who you are."
          back="/account#link"
        />,
      )
    }),
  )

  router.post(
    '/account/link/remove',
    form(async (ctx, { user }) => {
      await accounts.removeLink(user)
      seeOther(ctx, doneAt('/account', 'link'))
    }),
  )

  router.post(
    '/account/tokens',
    form(async (ctx, visitor, fields) => {
      const name = readTokenName(fields.name ?? '')
      if (name === null) {
        return show(ctx, visitor, { name: 'Give the token a name of at most 100 characters that can be seen.' })
      }
      const made = await tokens.create(visitor.user, name)
      if (!made) return show(ctx, visitor, { name: 'You have as many tokens as you may. Remove one first.' })
      writer.write(
        ctx,
        { title: 'Your new token', visitor },
        <SecretPage
          title="Your new token"
          label={`Token: ${name}`}
          secret={made.token}
          hint={`A script sends it as “Authorization: Bearer …” to ${publicUrl}/api/….`}
          back="/account#tokens"
        />,
      )
    }),
  )

  router.post(
    '/account/tokens/remove',
    form(async (ctx, { user }, { id = '' }) => {
      await tokens.remove(user, id)
      seeOther(ctx, doneAt('/account', 'token'))
    }),
  )

  router.post(
    '/account/sign-out-everywhere',
    form(async (ctx, { user }) => {
      await sessions.endAll(user)
      await visitors.signOut(ctx)
      seeOther(ctx, '/')
    }),
  )

  const showDelete = (ctx: Context, visitor: Visitor, errors: FieldErrors = {}, status = 200) =>
    writer.write(
      ctx,
      { title: 'Delete everything', visitor, status },
      <DeletePage csrf={visitor.csrf} user={writer.address(visitor.user)} errors={errors} />,
    )

  router.get(
    '/account/delete',
    page((ctx, visitor) => showDelete(ctx, visitor)),
  )

  router.post(
    '/account/delete',
    form(async (ctx, visitor, { jid = '' }) => {
      const typed = typedJid(jid)
      if ('fault' in typed || typed.jid !== visitor.user) {
        return showDelete(
          ctx,
          visitor,
          { jid: `Type ${writer.address(visitor.user)} to delete everything, or leave this page.` },
          400,
        )
      }
      await accounts.delete(visitor.user)
      await visitors.signOut(ctx)
      writer.write(ctx, { title: 'It is all gone', visitor: null }, <DeletedPage />)
    }),
  )
}
