import { signInPath } from './local-path.js'
import { sentence } from './sentence.js'
export interface ErrorPageProps {
  readonly status: number
  /** What is wrong, for whoever asked. */
  readonly message: string
  readonly next?: string
  /** It came from an address that is not ours to be signed in at; `url`: the same there. */
  readonly elsewhere?: { readonly site: string; readonly url: string }
  /** Who is signed in while a form came from another session. */
  readonly user?: string
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'That cannot be done like this',
  401: 'You are not signed in',
  403: 'That is not allowed',
  404: 'There is no such page',
  405: 'That cannot be done here',
  409: 'That is not possible now',
  413: 'That is too much',
  429: 'Too many at once',
  500: 'Something is wrong here',
  503: 'Not now, please try again',
  507: 'It could not be stored',
}

const ADVICE: Readonly<Record<number, string>> = {
  429: 'Wait a minute, then try again.',
  500: 'It is our fault, not yours, and it is in the log. Try again, or tell whoever runs this server.',
  507: 'Nothing was changed. Try again in a moment, or tell whoever runs this server.',
}

export function errorTitle(status: number): string {
  return TITLES[status] ?? (status >= 500 ? 'Something is wrong here' : 'That did not work')
}

export function ErrorPage({ status, message, next = '/account', elsewhere, user }: ErrorPageProps) {
  if (elsewhere) {
    return (
      <>
        <h1>{errorTitle(status)}</h1>
        <p>
          People sign in and decide at <a href={elsewhere.url}>{elsewhere.site}</a> only. Nothing was changed.
        </p>
      </>
    )
  }
  const advice = ADVICE[status]
  return (
    <>
      <h1>{errorTitle(status)}</h1>
      {message !== '' && <p>{sentence(message)}</p>}
      {user !== undefined && (
        <p>
          You are signed in as <strong>{user}</strong> now. Nothing was changed. <a href="/account">To your account</a>
        </p>
      )}
      {advice !== undefined && <p>{advice}</p>}
      {status === 401 ? (
        <p>
          <a class="button" href={signInPath(next)}>
            Sign in
          </a>
        </p>
      ) : (
        <p>
          <a href="/">To the front page</a>
        </p>
      )}
    </>
  )
}
