import { type App, SCOPES } from '../../apps/app.js'
import type { Grant } from '../../apps/grant.js'
import { AppIcon } from './app-icon.js'
import { Form } from './form.js'
import { Moment } from './moment.js'
import { SCOPE_WORDS } from './scope-words.js'
import { ShownDomain } from './shown-domain.js'
import { shownName } from './shown-name.js'

export interface GrantedApp {
  readonly app: App
  readonly grant: Grant
}

/** The apps that she let see her. */
export function AccountApps({ csrf, granted }: { csrf: string; granted: readonly GrantedApp[] }) {
  if (granted.length === 0) return <p>None. When an app wants to see you, it asks you first.</p>
  return (
    <ul class="items">
      {granted.map(({ app, grant }) => (
        <GrantItem key={app.appid} csrf={csrf} app={app} grant={grant} />
      ))}
    </ul>
  )
}

function GrantItem({ csrf, app, grant }: GrantedApp & { csrf: string }) {
  const name = shownName(app.name, app.domain)
  const path = `/account/apps/${app.appid}`
  return (
    <li>
      <div class="with-icon">
        <AppIcon appid={app.appid} name={name} hasIcon={app.hasIcon} small />
        <div>
          <h3>
            <bdi>{name}</bdi> {grant.paused && <span class="tag bad">paused</span>}
          </h3>
          <p>
            <ShownDomain domain={app.domain} />
          </p>
          <p class="hint">
            Since <Moment at={grant.grantedAt} />
            {grant.paused ? '. To it you are offline until you resume it.' : ''}
          </p>
        </div>
      </div>
      <Form action={`${path}/scope`} csrf={csrf}>
        <fieldset>
          <legend>
            What it sees<span class="hidden-text">: {name}</span>
          </legend>
          {SCOPES.map((scope) => {
            const id = `${app.appid}-${scope}`
            return (
              <div class="choice" key={scope}>
                <input
                  type="checkbox"
                  id={id}
                  name={`scope_${scope}`}
                  value="on"
                  checked={grant.scope.includes(scope)}
                  {...(scope === 'status' && { disabled: true })}
                />
                <label for={id}>
                  <strong>{SCOPE_WORDS[scope].title}</strong>
                  {SCOPE_WORDS[scope].long}
                </label>
              </div>
            )
          })}
          <button type="submit" class="quiet" aria-label={`Save what ${name} sees`}>
            Save
          </button>
        </fieldset>
      </Form>
      <div class="actions">
        <Form action={`${path}/${grant.paused ? 'resume' : 'pause'}`} csrf={csrf}>
          <button type="submit" class="quiet" aria-label={grant.paused ? `Resume ${name}` : `Pause ${name}`}>
            {grant.paused ? 'Resume' : 'Pause'}
          </button>
        </Form>
        <Form
          action={`${path}/revoke`}
          csrf={csrf}
          confirm={`${name} sees nothing of you any more, and will not know you again if you let it in later. Revoke it?`}
        >
          <button type="submit" class="danger" aria-label={`Revoke ${name}`}>
            Revoke
          </button>
        </Form>
      </div>
    </li>
  )
}
