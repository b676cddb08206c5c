import type { ComponentChildren } from 'preact'
import { Form } from './form.js'
import { signOutPath } from './local-path.js'

export interface LayoutProps {
  readonly title: string
  /** The host of this gateway. */
  readonly site: string
  readonly icon: string
  readonly style: string
  readonly script: string
  readonly path: string
  readonly visitor: { readonly user: string; readonly csrf: string } | null
  /** Others opened it for one question. */
  readonly popup: boolean
  /** null: to the front page. */
  readonly afterSignOut: string | null
  readonly children: ComponentChildren
}

/** What is round every page. */
export function Layout({
  title,
  site,
  icon,
  style,
  script,
  path,
  visitor,
  popup,
  afterSignOut,
  children,
}: LayoutProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{`${title} · Presence`}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <link rel="icon" type="image/svg+xml" href={icon} />
        <link rel="stylesheet" href={style} />
        <script type="module" src={script} />
      </head>
      <body>
        <header>
          <a class="skip" href="#main">
            Skip to the content
          </a>
          <a class="brand" href="/">
            Presence <small>{site}</small>
          </a>
          {visitor && !popup && (
            <nav aria-label="Main">
              <ul>
                <NavigationItem href="/account" path={path} label="Account" />
                <NavigationItem href="/myapps" path={path} label="My apps" />
              </ul>
            </nav>
          )}
          {visitor && (
            <div class="who">
              <span>
                <span class="hidden-text">Signed in as </span>
                {visitor.user}
              </span>
              <Form action={afterSignOut === null ? '/sign-out' : signOutPath(afterSignOut)} csrf={visitor.csrf}>
                <button type="submit" class="quiet">
                  Sign out
                </button>
              </Form>
            </div>
          )}
        </header>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
        <footer>
          <p>presence-gateway puts the presence of XMPP users on the web, as far as they let it.</p>
        </footer>
      </body>
    </html>
  )
}

function NavigationItem({ href, path, label }: { href: string; path: string; label: string }) {
  const current = path === href || path.startsWith(`${href}/`)
  return (
    <li>
      <a href={href} {...(current && { 'aria-current': 'page' as const })}>
        {label}
      </a>
    </li>
  )
}
