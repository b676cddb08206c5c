import type { Delivery } from '../../delivery/webhook-state.js'
import type { AppPageProps } from './app-page.js'
import { Field, Form, Notice, Secret } from './form.js'
import { Moment } from './moment.js'

// What is shown of the last calls; all that are remembered are to be had by `/api`.
const MOST_SHOWN = 10

/** Where its changes are posted to, and how that goes. */
export function WebhookSection(props: AppPageProps) {
  const { csrf, app, webhookSecret, values, errors, notice } = props
  const path = `/myapps/${app.appid}/webhook`
  return (
    <section id="webhook">
      <h2>Webhook</h2>
      <Notice of={notice} at="webhook" />
      <WebhookStatus {...props} />
      <Form action={path} csrf={csrf}>
        <Field
          name="url"
          label="URL"
          hint="Told of changes by POST, signed as Standard Webhooks has it. Its host must be one that DNS knows. Empty: none."
          value={values.url ?? app.webhook ?? ''}
          errors={errors}
          input={{ inputMode: 'url', maxLength: 2048, spellcheck: false }}
        />
        <button type="submit">Save</button>
      </Form>
      {webhookSecret !== null && (
        <>
          <Form action={`${path}/test`} csrf={csrf}>
            <button type="submit" class="quiet">
              Send a test call
            </button>
          </Form>
          <details>
            <summary>Its secret</summary>
            <Secret id="webhook-secret" label="What its calls are signed with" value={webhookSecret} lines={2} />
            <Form
              action={`${path}/rotate`}
              csrf={csrf}
              confirm="For a day its calls are signed with both. Make a new secret?"
            >
              <button type="submit" class="quiet">
                Make a new secret
              </button>
            </Form>
          </details>
        </>
      )}
    </section>
  )
}

function WebhookStatus({ csrf, app, webhook }: AppPageProps) {
  if (app.webhook === null || webhook === null) return null
  const { state, deliveries } = webhook
  const { off = null, failingSince = null } = state ?? {}
  return (
    <>
      {off !== null && (
        <>
          <p>
            <span class="tag bad">off</span> since <Moment at={off.at} />:{' '}
            {off.because === 'gone' ? 'it answered 410 Gone.' : 'every call of five days had failed.'}
          </p>
          <Form action={`/myapps/${app.appid}/webhook`} csrf={csrf}>
            <input type="hidden" name="url" value={app.webhook} />
            <button type="submit">Turn it on again</button>
          </Form>
        </>
      )}
      {off === null && failingSince !== null && (
        <p>
          <span class="tag bad">failing</span> since <Moment at={failingSince} />. It is tried again and again, for five
          days.
        </p>
      )}
      {deliveries.length > 0 && (
        <details>
          <summary>The last calls</summary>
          <ul class="items">
            {deliveries.slice(0, MOST_SHOWN).map((delivery) => (
              <li key={`${delivery.id} ${delivery.attempt}`}>
                <Moment at={delivery.at} />: {outcomeOf(delivery)}, {delivery.ms} ms, {updatesOf(delivery)}
                {delivery.attempt > 1 && `, try ${delivery.attempt}`}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  )
}

function outcomeOf({ status, error }: Delivery): string {
  return status === null ? `no answer: ${error}` : `answered ${status}`
}

function updatesOf({ updates }: Delivery): string {
  return updates === 1 ? '1 change' : `${updates} changes`
}
