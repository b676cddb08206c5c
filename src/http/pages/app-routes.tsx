import type Router from '@koa/router'
import type { Context } from 'koa'
import type { App } from '../../apps/app.js'
import { AppFault } from '../../apps/app-fault.js'
import type { Apps } from '../../apps/apps.js'
import type { Webhooks } from '../../delivery/webhooks.js'
import type { BareJid } from '../../presence/jid.js'
import { HttpFault } from '../fault.js'
import type { Visitor } from '../visitors.js'
import { AppPage } from './app-page.js'
import { DeleteAppPage } from './delete-app-page.js'
import { doneAt, doneOf } from './done.js'
import type { Done, FieldErrors } from './form.js'
import { KeyPage } from './key-page.js'
import { MyAppsPage } from './my-apps-page.js'
import type { Fields, PageHandlers } from './page-handlers.js'
import type { PageWriter } from './page-writer.js'
import { seeOther } from './see-other.js'
import { sentence } from './sentence.js'
import { shownName } from './shown-name.js'
import { typedJid } from './typed-jid.js'

export interface AppPagesParts {
  readonly publicUrl: string
  readonly apps: Apps
  readonly webhooks: () => Pick<Webhooks, 'stateOf' | 'deliveries' | 'turnOn' | 'test'>
  /** Whether, as far as her domain tells, she could be sent the message that signs in. */
  readonly mayReach: (user: BareJid) => boolean
}

/** What may stand in `?done=`, and what it says. */
const DONE: Readonly<Record<string, Done>> = {
  registered: { at: '', text: 'It is registered. Now prove that the domain is yours.' },
  proven: { at: '', text: 'The domain is proven.' },
  deactivated: { at: '', text: 'It is not active any more: its key does not work.' },
  saved: { at: 'details', text: 'Saved.' },
  webhook: { at: 'webhook', text: 'Saved. What its calls are signed with stands below.' },
  'no-webhook': { at: 'webhook', text: 'Saved: it has none.' },
  rotated: { at: 'webhook', text: 'There is a new secret.' },
  added: { at: 'members', text: 'Added.' },
  stranger: {
    at: 'members',
    text: "Added. But only users of this gateway's own XMPP domains can sign in here, and this one is of another.",
  },
  removed: { at: 'members', text: 'Removed.' },
  deleted: { at: '', text: 'It is deleted.' },
  left: { at: '', text: 'You are no member of it any more.' },
}

export function appPages(
  router: Router,
  writer: PageWriter,
  { page, form }: PageHandlers,
  { apps, webhooks, publicUrl, mayReach }: AppPagesParts,
): void {
  const list = async (ctx: Context, visitor: Visitor, values: Fields = {}, errors: FieldErrors = {}) => {
    const mine = await apps.of(visitor.user)
    writer.write(
      ctx,
      { title: 'My apps', visitor, status: statusOf(errors) },
      <MyAppsPage csrf={visitor.csrf} apps={mine} values={values} errors={errors} notice={doneOf(ctx, DONE)} />,
    )
  }

  const show = async (
    ctx: Context,
    visitor: Visitor,
    app: App,
    values: Fields = {},
    errors: FieldErrors = {},
    notice = doneOf(ctx, DONE),
  ) => {
    const webhookSecret = await apps.webhookSecret(app)
    const told = app.webhook !== null && {
      state: await webhooks().stateOf(app),
      deliveries: await webhooks().deliveries(app),
    }
    writer.write(
      ctx,
      { title: shownName(app.name, app.domain), visitor, status: statusOf(errors) },
      <AppPage
        csrf={visitor.csrf}
        user={visitor.user}
        app={app}
        proof={apps.proof(app)}
        publicUrl={publicUrl}
        webhookSecret={webhookSecret}
        webhook={told || null}
        values={values}
        errors={errors}
        notice={notice}
      />,
    )
  }

  const showKey = (ctx: Context, visitor: Visitor, app: App, key: string, rotated: boolean) =>
    writer.write(
      ctx,
      { title: 'The key', visitor },
      <KeyPage app={app} secret={key} publicUrl={publicUrl} rotated={rotated} />,
    )

  const appOf = async (ctx: Context, { user }: Visitor): Promise<App> => {
    const app = await apps.managed(user, ctx.params.appid ?? '')
    if (!app) throw new HttpFault(404, 130, 'there is no such app, or you are no member of it')
    return app
  }

  /** A form of one app's page; what is wrong stands in `field`, unless it says another one. */
  const action = (
    path: string,
    field: string,
    act: (app: App, visitor: Visitor, fields: Fields, ctx: Context) => Promise<string | null>,
  ) =>
    router.post(
      `/myapps/:appid/${path}`,
      form(async (ctx: Context, visitor, fields) => {
        const app = await appOf(ctx, visitor)
        try {
          const location = await act(app, visitor, fields, ctx)
          if (location !== null) seeOther(ctx, location)
        } catch (error) {
          const errors = errorsOf(error, field)
          // Who is no member any more sees nothing more of it.
          await show(ctx, visitor, await appOf(ctx, visitor), fields, errors)
        }
      }),
    )

  router.get('/myapps', page(list))

  router.post(
    '/myapps',
    form(async (ctx, visitor, fields) => {
      const { domain = '', name = '', description = '' } = fields
      try {
        const app = await apps.register(visitor.user, { domain, name, description })
        seeOther(ctx, pathOf(app, 'registered'))
      } catch (error) {
        await list(ctx, visitor, fields, errorsOf(error, 'domain'))
      }
    }),
  )

  router.get(
    '/myapps/:appid',
    page(async (ctx: Context, visitor) => show(ctx, visitor, await appOf(ctx, visitor))),
  )

  action('verify', 'verify', async (app, { user }) => {
    const verdict = await apps.verify(app, user)
    if (verdict.kind === 'failed')
      throw new AppFault(
        'wrong-state',
        `${app.verifiedAt === null ? 'Not proven.' : 'It stays proven, but:'} ${verdict.found}`,
      )
    return pathOf(app, 'proven')
  })

  action('activate', 'activate', async (app, visitor, _, ctx) => {
    if (app.active) throw new AppFault('wrong-state', 'it is active already: for another key, press Make a new key')
    const activated = await apps.activate(app, visitor.user)
    showKey(ctx, visitor, activated.app, activated.key, false)
    return null
  })

  action('rotate', 'activate', async (app, visitor, _, ctx) => {
    showKey(ctx, visitor, app, await apps.rotate(app, visitor.user), true)
    return null
  })

  action('deactivate', 'activate', async (app, { user }) => {
    await apps.deactivate(app, user)
    return pathOf(app, 'deactivated')
  })

  action('edit', 'name', async (app, { user }, { name = '', description = '', hosts = '' }) => {
    const lines = hosts.split('\n').map((line) => line.trim())
    await apps.edit(app, user, { name, description, hosts: lines.filter((line) => line !== '') })
    return pathOf(app, 'saved')
  })

  action('webhook', 'url', async (app, { user }, { url = '' }) => {
    await apps.setWebhook(app, user, url.trim() === '' ? null : url.trim())
    await webhooks().turnOn(app)
    return pathOf(app, url.trim() === '' ? 'no-webhook' : 'webhook')
  })

  action('webhook/rotate', 'url', async (app, { user }) => {
    await apps.rotateWebhook(app, user)
    return pathOf(app, 'rotated')
  })

  action('webhook/test', 'url', async (app, visitor, _, ctx) => {
    const outcome = await webhooks().test(app)
    const text =
      'error' in outcome
        ? `There was no answer: ${outcome.error}.`
        : `It answered ${outcome.status} after ${outcome.ms} ms.`
    await show(ctx, visitor, app, {}, {}, { at: 'webhook', text })
    return null
  })

  action('members', 'jid', async (app, { user }, { jid = '' }) => {
    const member = memberOf(jid)
    await apps.addMember(app, user, member)
    return pathOf(app, mayReach(member) ? 'added' : 'stranger')
  })

  action('members/remove', 'jid', async (app, { user }, { jid = '' }) => {
    await apps.removeMember(app, user, memberOf(jid))
    return jid === user ? doneAt('/myapps', 'left') : pathOf(app, 'removed')
  })

  router.get(
    '/myapps/:appid/delete',
    page(async (ctx: Context, visitor) => {
      const app = await appOf(ctx, visitor)
      writer.write(ctx, { title: 'Delete an app', visitor }, <DeleteAppPage csrf={visitor.csrf} app={app} />)
    }),
  )

  action('delete', 'delete', async (app, { user }) => {
    await apps.remove(app, user)
    return doneAt('/myapps', 'deleted')
  })
}

function memberOf(jid: string): BareJid {
  const typed = typedJid(jid)
  if ('fault' in typed) throw new AppFault('bad-field', `jid: ${typed.fault}`)
  return typed.jid
}

/** Next to which field it stands, in words for people. Whatever is no fault of hers is thrown on. */
function errorsOf(error: unknown, field: string): FieldErrors {
  if (!(error instanceof AppFault)) throw error
  const [, at, text = error.message] = /^(\w+): (.*)$/s.exec(error.message) ?? []
  return at !== undefined && FIELDS.has(at)
    ? { [at]: `${LABELS[at] ?? 'It'}: ${text}` }
    : { [field]: sentence(error.message) }
}

const LABELS: Readonly<Record<string, string>> = {
  domain: 'Domain',
  name: 'Name',
  description: 'Description',
  hosts: 'Further hosts',
  url: 'Webhook',
  jid: 'Member',
}
const FIELDS = new Set(Object.keys(LABELS))

function statusOf(errors: FieldErrors): number {
  return Object.keys(errors).length === 0 ? 200 : 400
}

function pathOf({ appid }: App, done: string): string {
  return doneAt(`/myapps/${appid}`, done)
}
