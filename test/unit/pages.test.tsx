import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Context } from 'koa'
import type { VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'
import type { Session } from '../../src/accounts/session.js'
import type { App, AppId } from '../../src/apps/app.js'
import { AccountPage } from '../../src/http/pages/account-page.js'
import { AppPage } from '../../src/http/pages/app-page.js'
import { Assets } from '../../src/http/pages/assets.js'
import { DeleteAppPage } from '../../src/http/pages/delete-app-page.js'
import { DeletePage } from '../../src/http/pages/delete-page.js'
import { doneOf } from '../../src/http/pages/done.js'
import { ErrorPage } from '../../src/http/pages/error-page.js'
import { GrantPage } from '../../src/http/pages/grant-page.js'
import { KeyPage } from '../../src/http/pages/key-page.js'
import { Layout } from '../../src/http/pages/layout.js'
import { localPath } from '../../src/http/pages/local-path.js'
import { MyAppsPage } from '../../src/http/pages/my-apps-page.js'
import { type Page, PageWriter } from '../../src/http/pages/page-writer.js'
import { SecretPage } from '../../src/http/pages/secret-page.js'
import { shownName } from '../../src/http/pages/shown-name.js'
import { LinkPage, SignInPage, WaitingPage } from '../../src/http/pages/sign-in-pages.js'
import type { BareJid } from '../../src/presence/jid.js'
import { aDelivery, aWebhookState } from '../contract/webhook-samples.js'

/** Every page, with that text wherever somebody else may have a word in it. */
const PAGES: Readonly<Record<string, (text: string) => VNode>> = {
  'sign-in': (text) => <SignInPage next={text} jid={text} errors={{ jid: text }} asking={text} servedOnly={true} />,
  waiting: (text) => (
    <WaitingPage id="sgn_1" next={text} jid={text} phrase={text} errors={{ code: text }} unconfirmed={true} />
  ),
  link: (text) => <LinkPage token="t" jid={text} phrase={text} address={text} at={0} />,
  'my apps': (text) => (
    <MyAppsPage
      csrf="c"
      apps={[appOf(text)]}
      values={valuesOf(text)}
      errors={{ name: text }}
      notice={{ at: '', text }}
    />
  ),
  app: (text) => (
    <AppPage
      csrf="c"
      user={text}
      app={appOf(text)}
      proof={{ url: text, key: text }}
      publicUrl={text}
      webhookSecret={text}
      webhook={{
        state: aWebhookState({ failingSince: 1, off: { because: 'gone', at: 1, isTold: true } }),
        deliveries: [aDelivery({ id: text, status: null, error: text })],
      }}
      values={valuesOf(text)}
      errors={{ verify: text, name: text, activate: text }}
      notice={{ at: 'webhook', text }}
    />
  ),
  key: (text) => <KeyPage app={appOf(text)} secret={text} publicUrl={text} rotated={true} />,
  secret: (text) => <SecretPage title={text} label={text} secret={text} hint={text} back="/account" />,
  consent: (text) => (
    <GrantPage
      csrf="c"
      user={text}
      action={text}
      app={appOf(text)}
      host={text}
      scope={['status', 'details', 'address']}
      before={{ scope: ['status'], paused: true }}
    />
  ),
  account: (text) => (
    <AccountPage
      csrf="c"
      user={text}
      seen={{ show: 'away', text, since: 0, freshness: 'live' }}
      statusUrl={text}
      choice="domain"
      byDomain={{ domain: text, publication: 'status' }}
      granted={[{ app: appOf(text), grant: grantOf(text) }]}
      sessions={[sessionOf(text)]}
      current="s"
      tokens={[{ id: 'tok_1', user: text as BareJid, name: text, createdAt: 0 }]}
      hasLink={true}
      errors={{ name: text }}
      notice={{ at: 'apps', text }}
    />
  ),
  'delete app': (text) => <DeleteAppPage csrf="c" app={appOf(text)} />,
  delete: (text) => <DeletePage csrf="c" user={text} errors={{ jid: text }} />,
  error: (text) => <ErrorPage status={401} message={text} next={text} />,
  'a stale form': (text) => <ErrorPage status={403} message={text} user={text} />,
  elsewhere: (text) => <ErrorPage status={403} message={text} elsewhere={{ site: text, url: text }} />,
  layout: (text) => (
    <Layout
      title={text}
      site={text}
      icon="/i"
      style="/s"
      script="/c"
      popup={false}
      afterSignOut={text}
      path={text}
      visitor={{ user: text, csrf: 'c' }}
    >
      {text}
    </Layout>
  ),
}

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onfocus='alert(1)",
  '</title></textarea></style>',
  '<!-- ',
  ']]>',
  '&lt;b&gt;',
  '&#x3c;b',
  'javascript:alert(1)',
  '\u202egnp.exe',
  '\u0000',
  '\ud800',
]

describe('A page', () => {
  for (const [name, page] of Object.entries(PAGES)) {
    it(`(${name}) has the same elements and attributes whatever strangers write into it`, () => {
      const harmless = markupOf(renderToString(page('harmless')))
      const text = fc.array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary' })), { minLength: 1 })
      fc.assert(
        fc.property(text, (parts) => {
          assert.deepEqual(markupOf(renderToString(page(`a ${parts.join('')}`))), harmless)
        }),
        { numRuns: 40 },
      )
    })

    it(`(${name}) has no script, style or handler of its own`, () => {
      const html = renderToString(page('x'))
      if (name !== 'layout') assert.doesNotMatch(html, /<script/)
      assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/)
    })

    if (name !== 'layout') {
      it(`(${name}) has one heading of the first level`, () => {
        assert.equal(renderToString(page('x')).match(/<h1/g)?.length, 1)
      })
    }
  }
})

describe('The account page', () => {
  it('says, to whoever has tokens, that signing out everywhere leaves them', () => {
    const html = renderToString(PAGES.account?.('x') ?? assert.fail())
    assert.match(html, /It leaves your tokens for scripts, .* <a href="#tokens">one by one<\/a>/)
  })
})

describe('The headers of a page', () => {
  const assets = Assets.load()
  const writer = new PageWriter(assets, 'https://presence.example.org', (user) => user)

  function written(page: Partial<Page>): { headers: Record<string, string>; body: string } {
    const headers: Record<string, string> = {}
    const ctx = {
      path: '/',
      set: (given: string | Record<string, string>, value = '') =>
        Object.assign(headers, typeof given === 'string' ? { [given]: value } : given),
    } as unknown as Context & { body: string }
    writer.write(ctx, { title: 'A page', visitor: null, ...page }, <p>text</p>)
    return { headers, body: ctx.body }
  }

  it('let nothing in, and nobody frame it', () => {
    assert.deepEqual(written({}).headers, {
      'Content-Security-Policy':
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      'X-Frame-Options': 'DENY',
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'same-origin',
      'Cache-Control': 'no-store',
      'Cross-Origin-Opener-Policy': 'same-origin',
    })
  })

  it('let a pop-up keep its opener, and its form lead where the app wants its user back', () => {
    const { headers } = written({ popup: true, formOrigin: 'https://app.example.org' })
    assert.equal(headers['Cross-Origin-Opener-Policy'], undefined)
    assert.match(headers['Content-Security-Policy'] ?? '', /form-action 'self' https:\/\/app\.example\.org;/)
    const { headers: local } = written({ formOrigin: 'http://[::1]:3000' })
    assert.match(local['Content-Security-Policy'] ?? '', /form-action 'self' http:;/)
  })

  it('stand before a whole document, which names its language', () => {
    assert.match(written({}).body, /^<!DOCTYPE html><html lang="en">/)
  })

  it('name files that are there, by what is in them', () => {
    const { body } = written({})
    for (const { path } of [assets.icon, assets.style, assets.script]) {
      assert(body.includes(`"${path}"`), path)
      assert(assets.find(path))
    }
    assert.match(assets.style.path, /^\/assets\/style-[0-9a-f]{16}\.css$/)
    assert.equal(assets.find('/assets/../../package.json'), undefined)
  })
})

describe('Where to go on after signing in', () => {
  for (const path of [
    '/',
    '/account',
    '/myapps/app_1?done=saved',
    '/app_x/grant?redirect=https%3A%2F%2Fa.example%2F',
  ]) {
    it(`may be ${path}`, () => assert.equal(localPath(path), path))
  }

  const elsewhere = [
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https://evil.example/',
    'evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/a\\b',
    '/a b',
    '/ä',
    'javascript:alert(1)',
    '',
    `/${'a'.repeat(16_384)}`,
    undefined,
    ['/a', '/b'],
  ]
  for (const path of elsewhere) {
    it(`is the account instead of ${JSON.stringify(path)?.slice(0, 40)}`, () =>
      assert.equal(localPath(path), '/account'))
  }

  it('never leaves the host, as browsers read it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('/', '\\', '.', 'a', '\t', '\n', '@', ':', '?', '#', '%') }),
        (path) => {
          assert.equal(new URL(localPath(path), 'https://here.example').host, 'here.example')
        },
      ),
    )
  })
})

describe('What was done', () => {
  const said = (done: unknown, method = 'GET') =>
    doneOf({ query: { done }, method } as never, { saved: { at: '', text: 'Saved.' } })?.text ?? null

  it('is said, and nothing else is', () => {
    assert.equal(said('saved'), 'Saved.')
    for (const other of ['', 'other', 'constructor', '__proto__', 'toString', ['saved'], undefined]) {
      assert.equal(said(other), null, String(other))
    }
    assert.equal(said('saved', 'POST'), null)
  })
})

describe('The name of an app', () => {
  const table: readonly [string, string, string][] = [
    ['Lunch', 'Lunch', 'as it is'],
    ['\u202eevil\u202c', 'evil', 'without marks that turn its direction'],
    ['Good\u200b\u2066App', 'GoodApp', 'without what is not to be seen'],
    ['two\nlines\r\n', 'two lines', 'in one line'],
    ['  \u2003 a  b ', 'a b', 'without gaps'],
    ['\u200b', 'app.example.org', 'as its domain where nothing is left'],
    ['😀'.repeat(80), `${'😀'.repeat(60)}…`, 'cut at sixty characters'],
    [`e${'\u0301'.repeat(500)}`, `é${'\u0301'.repeat(4)}`, 'without towers of accents'],
  ]
  for (const [name, shown, how] of table) {
    it(`is shown ${how}`, () => assert.equal(shownName(name, 'app.example.org'), shown))
  }
})

/** Element and attribute names in their order, as a browser would read them. */
function markupOf(html: string): string[] {
  return [...html.matchAll(/<(\/?[a-zA-Z][\w-]*|!)((?:[^"'>]|"[^"]*"|'[^']*')*)>/g)].map(
    ([, element = '', attributes = '']) =>
      [element, ...attributes.replace(/"[^"]*"|'[^']*'/g, '').matchAll(/[\w-]+/g)].join(' '),
  )
}

function appOf(text: string): App {
  return {
    appid: 'app_000000000000000000000000' as AppId,
    domain: text,
    name: text,
    description: text,
    scope: ['status'],
    hosts: [text],
    members: [text as BareJid, 'other@example.org' as BareJid],
    createdAt: 0,
    verifiedAt: 0,
    active: false,
    hasIcon: false,
    webhook: text,
  }
}

function grantOf(text: string) {
  const { appid } = appOf(text)
  return {
    user: text as BareJid,
    appid,
    uid: 'UID1',
    scope: ['status'] as const,
    paused: true,
    grantedAt: 0,
    changedIn: 0,
  }
}

function sessionOf(text: string): Session {
  return { id: 's', user: text as BareJid, browser: text, address: text, createdAt: 0, usedAt: 0 }
}

function valuesOf(text: string) {
  return { domain: text, name: text, description: text, hosts: text, url: text, jid: text }
}
