import type { App } from '../../apps/app.js'
import { AppIcon } from './app-icon.js'
import { ErrorSummary, Field, type FieldErrors, Form, Notice } from './form.js'
import { shownName } from './shown-name.js'

export interface MyAppsPageProps {
  readonly csrf: string
  readonly apps: readonly App[]
  readonly values: Readonly<Record<string, string>>
  readonly errors: FieldErrors
  readonly notice: string | null
}

export function MyAppsPage({ csrf, apps, values, errors, notice }: MyAppsPageProps) {
  return (
    <>
      <ErrorSummary errors={errors} />
      {notice !== null && <Notice>{notice}</Notice>}
      <h1>My apps</h1>
      {apps.length === 0 ? (
        <p>
          You have none yet. An application that is registered may ask users to let it see their presence: three steps,
          five minutes.
        </p>
      ) : (
        <ul class="items">
          {apps.map((app) => (
            <AppItem key={app.appid} app={app} />
          ))}
        </ul>
      )}
      <section>
        <h2>Register an application</h2>
        <Form action="/myapps" csrf={csrf}>
          <Field
            name="domain"
            label="Domain"
            hint="Where it lives, such as app.example.org. You prove next that it is yours; users see it when they decide."
            value={values.domain}
            errors={errors}
            input={{ inputMode: 'url', autocapitalize: 'none', spellcheck: false, required: true, maxLength: 260 }}
          />
          <Field
            name="name"
            label="Name (if you like)"
            hint="As users know it. Without one, the name in its web app manifest is taken, else the domain."
            value={values.name}
            errors={errors}
            input={{ maxLength: 200 }}
          />
          <Field
            name="description"
            label="Description (if you like)"
            hint="One or two sentences: what it wants to see users' presence for."
            value={values.description}
            errors={errors}
            lines={3}
          />
          <button type="submit">Register</button>
        </Form>
      </section>
    </>
  )
}

function AppItem({ app }: { app: App }) {
  const name = shownName(app.name, app.domain)
  return (
    <li class="with-icon">
      <AppIcon appid={app.appid} name={name} hasIcon={app.hasIcon} small />
      <div class="row">
        <div>
          <h2 class="plain">
            <a href={`/myapps/${app.appid}`}>
              <bdi>{name}</bdi>
            </a>
          </h2>
          <p>{app.domain}</p>
        </div>
        <StateTag app={app} />
      </div>
    </li>
  )
}

export function StateTag({ app }: { app: Pick<App, 'active' | 'verifiedAt'> }) {
  if (app.active) return <span class="tag good">✓ active</span>
  return <span class="tag">{app.verifiedAt === null ? 'domain not proven yet' : 'not active'}</span>
}
