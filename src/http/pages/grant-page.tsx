import type { Scope } from '../../apps/app.js'
import type { Grant } from '../../apps/grant.js'
import { AppIcon } from './app-icon.js'
import { Form } from './form.js'
import { SCOPE_WORDS } from './scope-words.js'
import { ShownDomain } from './shown-domain.js'
import { shownName, shownText } from './shown-name.js'

export interface GrantPageProps {
  readonly csrf: string
  readonly user: string
  /** This very page with all that was asked: its form goes back there. */
  readonly action: string
  readonly app: {
    readonly appid: string
    readonly name: string
    readonly description: string
    readonly domain: string
    readonly hasIcon: boolean
  }
  /** Where she is sent back to. */
  readonly host: string
  /** What it asks for. */
  readonly scope: readonly Scope[]
  /** What she has let it see already. */
  readonly before: Pick<Grant, 'scope' | 'paused'> | null
}

export function GrantPage({ csrf, user, action, app, host, scope, before }: GrantPageProps) {
  const name = shownName(app.name, app.domain)
  const description = shownText(app.description)
  return (
    <>
      <h1>
        Let <bdi>{name}</bdi> see you?
      </h1>
      <div class="asker">
        <AppIcon appid={app.appid} name={name} hasIcon={app.hasIcon} />
        <div>
          <p class="domain">
            <strong>
              <ShownDomain domain={app.domain} />
            </strong>{' '}
            <span class="tag good">✓ proven domain</span>
          </p>
        </div>
      </div>
      {description !== '' && (
        <p>
          It says of itself: <q dir="auto">{description}</q>
        </p>
      )}
      <Form action={action} csrf={csrf}>
        <fieldset>
          <legend>What it may see of {user}</legend>
          {scope.map((each) => (
            <ScopeChoice key={each} scope={each} user={user} />
          ))}
        </fieldset>
        {before !== null && (
          <p>You have let it see {listed(before.scope)} already; what you choose now takes the place of that.</p>
        )}
        {before?.paused && (
          <p>
            <strong>
              You have paused it; to it you are offline until you resume it at your account page (/account).
            </strong>
          </p>
        )}
        <div class="actions consent">
          <button type="submit" name="answer" value="allow" data-deliberate>
            Allow
          </button>
          <button type="submit" name="answer" value="refuse" class="quiet">
            Not now
          </button>
        </div>
      </Form>
      <p class="hint">
        Either way you go back to <strong>{host}</strong>. You can change this, pause it or take it back at any time on
        your account page.
      </p>
    </>
  )
}

function ScopeChoice({ scope, user }: { scope: Scope; user: string }) {
  const { title, long } = SCOPE_WORDS[scope]
  const id = `scope-${scope}`
  const always = scope === 'status'
  return (
    <div class="choice">
      <input type="checkbox" id={id} name={`scope_${scope}`} value="on" checked {...(always && { disabled: true })} />
      <label for={id}>
        <strong>{title}</strong>
        {scope === 'address' ? `${user}. ${long}` : long}
        {always && ' This is what it is about, so it cannot be left out.'}
      </label>
    </div>
  )
}

export function listed(scope: readonly Scope[]): string {
  const words = scope.map((each) => SCOPE_WORDS[each].short)
  return words.length > 1 ? `${words.slice(0, -1).join(', ')} and ${words.at(-1)}` : (words[0] ?? '')
}
