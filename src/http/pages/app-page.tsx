import { APP_LIMITS, type App } from '../../apps/app.js'
import { MAX_DESCRIPTION, MAX_NAME } from '../../apps/app-text.js'
import type { Delivery, WebhookState } from '../../delivery/webhook-state.js'
import { AppIcon } from './app-icon.js'
import { ActivateStep, AskStep, ProofStep } from './app-steps.js'
import { CopyButton, type Done, ErrorSummary, Field, type FieldErrors, Form, Notice } from './form.js'
import { StateTag } from './my-apps-page.js'
import { ShownDomain } from './shown-domain.js'
import { shownName } from './shown-name.js'
import { WebhookSection } from './webhook-section.js'

export interface AppPageProps {
  readonly csrf: string
  readonly user: string
  readonly app: App
  readonly proof: { readonly url: string; readonly key: string }
  readonly publicUrl: string
  readonly webhookSecret: string | null
  /** How its webhook stands, and its last calls; null: it has none. */
  readonly webhook: { readonly state: WebhookState | null; readonly deliveries: readonly Delivery[] } | null
  /** Of the form that was refused, to be mended. */
  readonly values: Readonly<Record<string, string>>
  readonly errors: FieldErrors
  readonly notice: Done | null
}

/** All about one app of hers, step by step. */
export function AppPage(props: AppPageProps) {
  const { app, errors, notice } = props
  const name = shownName(app.name, app.domain)
  return (
    <>
      <ErrorSummary errors={errors} />
      <Notice of={notice} />
      <div class="asker">
        <AppIcon appid={app.appid} name={name} hasIcon={app.hasIcon} />
        <div>
          <h1 class="tight">
            <bdi>{name}</bdi>
          </h1>
          <p>
            <ShownDomain domain={app.domain} /> <StateTag app={app} />
          </p>
        </div>
      </div>
      <p>
        Its appid: <code id="appid">{app.appid}</code> <CopyButton of="appid" what="the appid" />
      </p>
      <section id="steps" aria-labelledby="steps-title">
        <h2 id="steps-title">{app.active ? 'It is active' : 'Three steps to go live'}</h2>
        <ol class="steps">
          <ProofStep {...props} />
          <ActivateStep {...props} />
          <AskStep {...props} />
        </ol>
      </section>
      <Details {...props} />
      <Stream {...props} />
      <WebhookSection {...props} />
      <Members {...props} />
      <section id="delete">
        <h2>Delete it</h2>
        <p>
          Its key stops working at once, and what users have let it see is forgotten. Who registers it again gets
          another appid, and has to ask them again.
        </p>
        <p>
          <a href={`/myapps/${app.appid}/delete`}>Delete this app …</a>
        </p>
      </section>
    </>
  )
}

function Details({ csrf, app, values, errors, notice }: AppPageProps) {
  return (
    <section id="details">
      <h2>What users are shown</h2>
      <Notice of={notice} at="details" />
      <Form action={`/myapps/${app.appid}/edit`} csrf={csrf}>
        <Field
          name="name"
          label="Name"
          value={values.name ?? app.name}
          errors={errors}
          hint={`At most ${MAX_NAME} characters.`}
          input={{ maxLength: MAX_NAME }}
        />
        <Field
          name="description"
          label="Description"
          hint={`At most ${MAX_DESCRIPTION.toLocaleString('en')} characters.`}
          most={MAX_DESCRIPTION}
          value={values.description ?? app.description}
          errors={errors}
          lines={3}
        />
        <Field
          name="hosts"
          label="Further hosts to which users may be sent back"
          hint={`Subdomains of ${app.domain}${/:\d+$/.test(app.domain) ? ', with that port' : ''}, one a line, at most ${APP_LIMITS.hosts}.`}
          value={values.hosts ?? app.hosts.join('\n')}
          errors={errors}
          lines={3}
        />
        <button type="submit">Save</button>
      </Form>
    </section>
  )
}

/** Without it nobody who has left the page of the key would know where to listen. */
function Stream({ app, publicUrl }: AppPageProps) {
  const url = `${publicUrl}/${app.appid}`
  return (
    <section id="stream">
      <h2>Stream</h2>
      <p>
        Your server listens here, with the key as <code>Authorization: Bearer</code>, and hears at once how everybody is
        who lets the app see them, then each change: lines of JSON, or Server-Sent Events by <code>Accept</code>.
      </p>
      <p>
        <code id="stream-url">{`${url}/presence.json`}</code>{' '}
        <CopyButton of="stream-url" what="the URL of the stream" />
      </p>
      <p>The same as a WebSocket:</p>
      <p>
        <code id="socket-url">{url.replace(/^http/, 'ws')}</code>{' '}
        <CopyButton of="socket-url" what="the URL of the WebSocket" />
      </p>
    </section>
  )
}

function Members({ csrf, user, app, values, errors, notice }: AppPageProps) {
  const path = `/myapps/${app.appid}/members`
  return (
    <section id="members">
      <h2>Members</h2>
      <Notice of={notice} at="members" />
      <p>Every member may do all that is on this page.</p>
      <ul class="items">
        {app.members.map((member) => (
          <li class="row" key={member}>
            <span>
              {member} {member === user && <span class="tag">you</span>}
            </span>
            {app.members.length > 1 && (
              <Form
                action={`${path}/remove`}
                csrf={csrf}
                {...(member === user && { confirm: 'You will not see this app any more. Leave it?' })}
              >
                <input type="hidden" name="jid" value={member} />
                <button type="submit" class="danger" aria-label={`Remove ${member}`}>
                  {member === user ? 'Leave' : 'Remove'}
                </button>
              </Form>
            )}
          </li>
        ))}
      </ul>
      <Form action={path} csrf={csrf}>
        <Field
          name="jid"
          label="Add a member"
          hint="The XMPP address"
          value={values.jid}
          errors={errors}
          input={{ inputMode: 'email', autocapitalize: 'none', spellcheck: false, required: true, maxLength: 3071 }}
        />
        <button type="submit">Add</button>
      </Form>
    </section>
  )
}
