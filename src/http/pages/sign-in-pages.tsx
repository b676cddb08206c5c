import { ErrorSummary, Field, type FieldErrors, Form } from './form.js'
import { signInPath } from './local-path.js'
import { Moment } from './moment.js'
import { ShownDomain } from './shown-domain.js'

export interface SignInPageProps {
  /** Where to go on to. */
  readonly next: string
  readonly jid: string
  readonly errors: FieldErrors
  /** Whose question waits behind it; null: nobody's. */
  readonly asking: string | null
  /** Users of the domains that are served are sent messages, and nobody else. */
  readonly servedOnly: boolean
}

export function SignInPage({ next, jid, errors, asking, servedOnly }: SignInPageProps) {
  return (
    <>
      <ErrorSummary errors={errors} />
      <h1>Sign in</h1>
      <p>
        Enter your XMPP address{asking !== null && ', so that you can answer '}
        {asking !== null && (
          <strong>
            <ShownDomain domain={asking} />
          </strong>
        )}
        . You get a message there to prove that it is yours; there are no passwords here.
        {servedOnly && " Only users of this gateway's own XMPP domains get one."}
      </p>
      <Form action={signInPath(next)} csrf={null}>
        <Field
          name="jid"
          label="Your XMPP address"
          hint="Such as alice@example.org"
          value={jid}
          errors={errors}
          input={{
            type: 'text',
            inputMode: 'email',
            autocomplete: 'username',
            autocapitalize: 'none',
            spellcheck: false,
            required: true,
            maxLength: 3071,
            ...(Object.keys(errors).length === 0 && { autofocus: true }),
          }}
        />
        <button type="submit">Send me the message</button>
      </Form>
    </>
  )
}

export interface WaitingPageProps {
  readonly id: string
  readonly next: string
  readonly jid: string
  readonly phrase: string
  readonly errors: FieldErrors
  /** She said that she has confirmed, and we know nothing of it. */
  readonly unconfirmed: boolean
}

/** For the browser that began. */
export function WaitingPage({ id, next, jid, phrase, errors, unconfirmed }: WaitingPageProps) {
  const action = signInPath(next, id)
  return (
    <>
      <ErrorSummary errors={errors} />
      <h1>Look at your messages</h1>
      <p>
        If <strong>{jid}</strong> can sign in here, a message is on its way to it. It shows these two words, so that you
        know that it is about this page:
      </p>
      <p class="phrase">{phrase}</p>
      <Form action={action} csrf={null}>
        <Field
          name="code"
          label="The code from the message"
          hint="Six digits"
          errors={errors}
          input={{
            class: 'code',
            inputMode: 'numeric',
            autocomplete: 'one-time-code',
            pattern: '[0-9 ]*',
            maxLength: 12,
            ...(Object.keys(errors).length === 0 && { autofocus: true }),
            required: true,
          }}
        />
        <button type="submit">Sign in</button>
      </Form>
      <section data-sign-in={id} data-next={next}>
        <h2>Or confirm in your XMPP client</h2>
        <p>Some clients ask you right away whether it is you; others let you reply to the message.</p>
        {/* A status that is there from the start is not read out: what changes is. */}
        <div role="status" aria-live="polite">
          {unconfirmed && <p class="error">You have not confirmed it yet, as far as we know. Try again in a moment.</p>}
        </div>
        <Form action={action} csrf={null}>
          <button type="submit" class="quiet">
            I confirmed in my XMPP client
          </button>
        </Form>
      </section>
      <section>
        <h2>Nothing came?</h2>
        <p>
          Look whether the address is right: <strong>{jid}</strong>. Your client may keep messages of strangers apart or
          ask first. The message is good for ten minutes.
        </p>
        <p>
          <a href={signInPath(next)}>Begin anew</a>
        </p>
      </section>
    </>
  )
}

export function OverPage({ next }: { next: string }) {
  return (
    <>
      <h1>This sign-in is over</h1>
      <p>
        It was used (its link signs in the browser that opened it), or refused; it took longer than ten minutes, had too
        many wrong codes, or was begun in another browser; or you began another one since.
      </p>
      <p>
        <a class="button" href={signInPath(next)}>
          Begin anew
        </a>
      </p>
    </>
  )
}

export interface LinkPageProps {
  readonly token: string
  readonly jid: string
  readonly phrase: string
  readonly address: string
  readonly at: number
}

/** What the link of the message leads to. Looking at it uses nothing up: programs that show previews look, too. */
export function LinkPage({ token, jid, phrase, address, at }: LinkPageProps) {
  return (
    <>
      <h1>Sign in with this browser?</h1>
      <p>
        As <strong>{jid}</strong>. Do so only if it was you who asked for it:
      </p>
      <dl class="facts">
        <dt>The page showed the words</dt>
        <dd>
          <strong>{phrase}</strong>
        </dd>
        <dt>It was asked for from</dt>
        <dd>{address}</dd>
        <dt>At</dt>
        <dd>
          <Moment at={at} />
        </dd>
      </dl>
      <Form action={`/sign-in/link/${token}`} csrf={null}>
        <button type="submit">Sign in here</button>
      </Form>
      <p class="hint">If it was not you, close this page. Nobody is signed in by it.</p>
    </>
  )
}
