import type { PersonalToken } from '../../accounts/personal-token.js'
import type { Session } from '../../accounts/session.js'
import { statusOf, type UserPresence } from '../../presence/presence.js'
import type { Publication, PublicationChoice } from '../../presence/publication.js'
import { AccountApps, type GrantedApp } from './account-apps.js'
import { type Done, ErrorSummary, Field, type FieldErrors, Form, Notice } from './form.js'
import { Moment } from './moment.js'
import { shownText } from './shown-name.js'

export interface AccountPageProps {
  readonly csrf: string
  readonly user: string
  /** What anybody sees; null: nothing of her. */
  readonly seen: UserPresence | null
  readonly statusUrl: string
  readonly choice: PublicationChoice
  readonly byDomain: { readonly domain: string; readonly publication: Publication }
  readonly granted: readonly GrantedApp[]
  readonly sessions: readonly Session[]
  readonly current: string
  readonly tokens: readonly PersonalToken[]
  readonly hasLink: boolean
  readonly errors: FieldErrors
  readonly notice: Done | null
}

export function AccountPage(props: AccountPageProps) {
  const { errors, notice } = props
  return (
    <>
      <ErrorSummary errors={errors} />
      <h1>Your account</h1>
      <Seen {...props} />
      <PublicationForm {...props} />
      <section id="apps">
        <h2>Apps that you let see you</h2>
        <Notice of={notice} at="apps" />
        <AccountApps csrf={props.csrf} granted={props.granted} />
      </section>
      <PublicLink {...props} />
      <Browsers {...props} />
      <Tokens {...props} />
      <section id="delete">
        <h2>Delete everything</h2>
        <p>All that is kept about you here, so that it stays deleted.</p>
        <p>
          <a href="/account/delete">What that means, and how</a>
        </p>
      </section>
    </>
  )
}

const SHOW_WORDS = {
  chat: 'Online, and happy to chat',
  online: 'Online',
  away: 'Away',
  xa: 'Away for longer',
  dnd: 'Do not disturb',
  offline: 'Offline',
  unknown: 'Unknown until your status next changes',
} as const

const FRESHNESS_WORDS = {
  live: 'This is live.',
  stale: 'This is the last that was known: the connection to your server is down.',
  unknown: 'Or until the connection to your server is back, if that is down.',
} as const

function Seen({ seen, user, statusUrl }: AccountPageProps) {
  return (
    <section>
      <h2>What the world sees right now</h2>
      {seen === null ? (
        <div class="now">
          <span class="dot" aria-hidden="true" />
          <div>
            <p>
              <strong>Nothing.</strong>
            </p>
            <p class="hint">Whoever asks for {user} hears that there is no such user.</p>
          </div>
        </div>
      ) : (
        <div class="now">
          <span class={`dot ${statusOf(seen.show)}`} aria-hidden="true" />
          <div>
            <p>
              <strong>{SHOW_WORDS[seen.show]}</strong>
              {seen.text !== null && (
                <>
                  : <q dir="auto">{shownText(seen.text)}</q>
                </>
              )}
            </p>
            <p class="hint">
              {seen.since !== null && (
                <>
                  Since <Moment at={seen.since} />.{' '}
                </>
              )}
              {FRESHNESS_WORDS[seen.freshness]}
            </p>
            <p class="hint">
              <a href={statusUrl}>As others get it</a>
            </p>
          </div>
        </div>
      )}
    </section>
  )
}

const PUBLICATION_WORDS: Readonly<Record<Publication, { readonly title: string; readonly hint: string }>> = {
  none: { title: 'Nothing', hint: 'Only apps that you let in see you.' },
  status: {
    title: 'My status',
    hint: 'Whether I am online, away or offline, and since when; not what I write about it.',
  },
  details: { title: 'My status and its text', hint: 'The same as my contacts see.' },
}

function PublicationForm({ csrf, choice, byDomain, notice }: AccountPageProps) {
  const asDomain = PUBLICATION_WORDS[byDomain.publication].title.toLowerCase()
  const choices = [
    ...(['none', 'status', 'details'] as const).map((value) => ({ value, ...PUBLICATION_WORDS[value] })),
    {
      value: 'domain' as const,
      title: `As ${byDomain.domain} does`,
      hint: `That is at present: ${asDomain}. Whoever runs it may change that.`,
    },
  ]
  return (
    <section id="publish">
      <h2>What anybody may see</h2>
      <Notice of={notice} at="publish" />
      <Form action="/account/publish" csrf={csrf}>
        <fieldset>
          <legend>Publish</legend>
          {choices.map(({ value, title, hint }) => (
            <div class="choice" key={value}>
              <input type="radio" id={`publish-${value}`} name="publish" value={value} checked={choice === value} />
              <label for={`publish-${value}`}>
                <strong>{title}</strong>
                {hint}
              </label>
            </div>
          ))}
        </fieldset>
        <button type="submit">Save</button>
      </Form>
    </section>
  )
}

function PublicLink({ csrf, hasLink, notice }: AccountPageProps) {
  return (
    <section id="link">
      <h2>Your public link</h2>
      <Notice of={notice} at="link" />
      <p>
        An address that tells your status and its text to whoever has it, whatever you publish, and never tells who you
        are. A new one ends the one before.
      </p>
      <p>{hasLink ? <span class="tag good">✓ You have one</span> : 'You have none.'}</p>
      <div class="actions">
        <Form
          action="/account/link"
          csrf={csrf}
          {...(hasLink && { confirm: 'The present link stops working. Go on?' })}
        >
          <button type="submit" class="quiet">
            {hasLink ? 'Replace it' : 'Make one'}
          </button>
        </Form>
        {hasLink && (
          <Form action="/account/link/remove" csrf={csrf} confirm="The link stops working. Remove it?">
            <button type="submit" class="danger">
              Remove it
            </button>
          </Form>
        )}
      </div>
    </section>
  )
}

function Browsers({ csrf, sessions, current, tokens }: AccountPageProps) {
  return (
    <section id="browsers">
      <h2>Where you are signed in</h2>
      <ul class="items">
        {sessions.map(({ id, browser, address, createdAt, usedAt }) => (
          <li key={id}>
            <h3>
              {shownText(browser) || 'A browser'} {id === current && <span class="tag">this one</span>}
            </h3>
            <p class="hint">
              From {address}, since <Moment at={createdAt} />, last used <Moment at={usedAt} />
            </p>
          </li>
        ))}
      </ul>
      <p>
        Signing out everywhere ends all of these.{' '}
        {tokens.length > 0 && (
          <>
            It leaves your tokens for scripts, which go on working: remove those, too, <a href="#tokens">one by one</a>,
            if somebody else may have been in here.
          </>
        )}
      </p>
      <Form action="/account/sign-out-everywhere" csrf={csrf} confirm="Sign out everywhere, here too?">
        <button type="submit" class="danger">
          Sign out everywhere
        </button>
      </Form>
    </section>
  )
}

function Tokens({ csrf, tokens, errors, notice }: AccountPageProps) {
  return (
    <section id="tokens">
      <h2>Tokens for scripts</h2>
      <Notice of={notice} at="tokens" />
      <p>A personal token lets a script use the API in your name. It is shown once, when it is made.</p>
      {tokens.length > 0 && (
        <ul class="items">
          {tokens.map(({ id, name, createdAt }) => (
            <li class="row" key={id}>
              <div>
                <h3>
                  <bdi>{shownText(name) || id}</bdi>
                </h3>
                <p class="hint">
                  Made <Moment at={createdAt} />
                </p>
              </div>
              <Form action="/account/tokens/remove" csrf={csrf} confirm="Scripts that use it stop working. Remove it?">
                <input type="hidden" name="id" value={id} />
                <button type="submit" class="danger" aria-label={`Remove the token ${shownText(name) || id}`}>
                  Remove
                </button>
              </Form>
            </li>
          ))}
        </ul>
      )}
      <Form action="/account/tokens" csrf={csrf}>
        <Field
          name="name"
          label="Name"
          hint="What it is for, so that you know it again"
          errors={errors}
          input={{ required: true, maxLength: 100 }}
        />
        <button type="submit">Make a token</button>
      </Form>
    </section>
  )
}
