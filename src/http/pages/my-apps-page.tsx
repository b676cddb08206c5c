import type { App } from '../../apps/app.js'
import { MAX_DESCRIPTION, MAX_NAME } from '../../apps/app-text.js'
import { AppIcon } from './app-icon.js'
import { type Done, ErrorSummary, Field, type FieldErrors, Form, Notice } from './form.js'
import { ShownDomain } from './shown-domain.js'
import { shownName } from './shown-name.js'

export interface MyAppsPageProps {
  readonly csrf: string
  readonly apps: readonly App[]
  readonly values: Readonly<Record<string, string>>
  readonly errors: FieldErrors
  readonly notice: Done | null
}

export function MyAppsPage({ csrf, apps, values, errors, notice }: MyAppsPageProps) {
  return (
    <>
      <ErrorSummary errors={errors} />
      <Notice of={notice} />
      <h1>My apps</h1>
      {apps.length === 0 ? (
        <p>
          You have none yet. An app that is registered may ask users to let it see their presence: three steps, five
          minutes.
        </p>
      ) : (
        <ul class="items">
          {apps.map((app) => (
            <AppItem key={app.appid} app={app} />
          ))}
        </ul>
      )}
      <section>
        <h2>Register an app</h2>
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
            hint={`As users know it, at most ${MAX_NAME} characters. Without one, the name in its web app manifest is taken, else the domain.`}
            value={values.name}
            errors={errors}
            input={{ maxLength: MAX_NAME }}
          />
          <Field
            name="description"
            label="Description (if you like)"
            hint={`One or two sentences, at most ${MAX_DESCRIPTION.toLocaleString('en')} characters: what it wants to see users' presence for.`}
            most={MAX_DESCRIPTION}
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
          <p>
            <ShownDomain domain={app.domain} />
          </p>
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
