import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import Router from '@koa/router'
import axe from 'axe-core'
import type { BrowserContext, Page } from 'playwright-core'
import { Pages, type PagesParts } from '../../src/http/pages/pages.js'
import { Web } from './web.js'

const LOOKS = [
  { width: 1280, colorScheme: 'light' },
  { width: 1280, colorScheme: 'dark' },
  { width: 360, colorScheme: 'light' },
  { width: 360, colorScheme: 'dark' },
] as const
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

describe('The pages, in Chromium', function () {
  this.timeout(60_000)
  let web: Web
  let context: BrowserContext
  let page: Page
  let appid = ''

  before(async () => {
    web = await Web.start(['alice', 'bob', 'carol'])
    context = await web.browser()
    page = await context.newPage()
    await page.goto(`${web.url}/account`)
    await web.signIn(page, 'alice')
    await page.getByRole('heading', { name: 'Your account' }).waitFor()
    appid = await web.activeApp(page, '<b>Lunch</b> \u202eFinder', '"><img src=x onerror=alert(1)>')
    await page.goto(web.consentUrl(appid))
    await page.getByRole('button', { name: 'Allow' }).click()
    await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
  })
  after(() => web?.stop())

  describe('can be used by everybody', () => {
    const table: readonly [name: string, open: (page: Page) => Promise<unknown>][] = [
      ['the account', (page) => page.goto(`${web.url}/account`)],
      ['a token', (page) => send(page, '/account', 'Make a token', { Name: 'script' })],
      ['deleting', (page) => send(page, '/account/delete', 'Delete everything', { 'Type your address': 'x' })],
      ['the apps', (page) => page.goto(`${web.url}/myapps`)],
      ['a refused app', (page) => send(page, '/myapps', 'Register', { Domain: 'https://x/' })],
      ['an app', (page) => page.goto(`${web.url}/myapps/${appid}`)],
      ['a key', (page) => send(page, `/myapps/${appid}`, 'Make a new key')],
      ['the question', (page) => page.goto(web.consentUrl(appid))],
      ['a wrong question', (page) => page.goto(`${web.url}/${appid}/grant?redirect=https://evil.example/`)],
      ['what is not there', (page) => page.goto(`${web.url}/nothing`)],
    ]
    const strangers: typeof table = [
      ['the front', (page) => page.goto(`${web.url}/`)],
      ['signing in', (page) => send(page, '/sign-in', 'Send me the message', { 'Your XMPP address': 'nonsense' })],
      ['waiting', (page) => send(page, '/sign-in', 'Send me the message', { 'Your XMPP address': 'bob@localhost' })],
      ['the link', async (page) => page.goto((await web.letter('bob')).link)],
    ]

    for (const [name, open] of table) {
      it(`(${name})`, async () => {
        await open(page)
        await assertUsable(page)
      })
    }

    it('(before signing in)', async () => {
      const stranger = await (await web.browser()).newPage()
      for (const [name, open] of strangers) {
        await open(stranger)
        await assertUsable(stranger, name)
      }
      await stranger.context().close()
    })
  })

  it('let her sign in and decide with the keyboard alone', async () => {
    const hers = await (await web.browser()).newPage()
    await hers.goto(web.consentUrl(appid))
    await tabTo(hers, '#jid')
    await hers.keyboard.type('carol@localhost')
    await hers.keyboard.press('Enter')
    const { code } = await web.letter('carol')
    await tabTo(hers, '#code')
    await hers.keyboard.type(code)
    await hers.keyboard.press('Enter')
    await hers.getByRole('button', { name: 'Allow' }).waitFor()
    await tabTo(hers, '#scope-address')
    await hers.keyboard.press('Space')
    await tabTo(hers, 'button[value=allow]:not([aria-disabled])')
    await hers.keyboard.press('Enter')
    await hers.getByRole('heading', { name: 'Welcome back' }).waitFor()
    await hers.goto(`${web.url}/account`)
    assert.equal(await hers.locator('#apps').getByLabel('The details').isChecked(), true)
    assert.equal(await hers.locator('#apps').getByLabel('Your address').isChecked(), false)
  })

  it('show the name of an app as text, and nothing else of it', async () => {
    for (const path of [`/myapps/${appid}`, '/account', new URL(web.consentUrl(appid)).pathname]) {
      await page.goto(path.endsWith('/grant') ? web.consentUrl(appid) : `${web.url}${path}`)
      assert((await page.getByText('<b>Lunch</b> Finder').count()) > 0, path)
      assert.equal(await page.locator('main b, img').count(), 0, path)
    }
  })

  it('are shown in nobody else’s frame', async () => {
    web.app.consentUrl = web.consentUrl(appid)
    const hers = await context.newPage()
    await hers.goto(web.app.url, { waitUntil: 'load' })
    const [, frame] = hers.frames()
    assert.equal(frame?.url(), 'chrome-error://chromewebdata/')
    await hers.close()
  })

  describe('refuse', () => {
    const router = new Router()
    for (const add of new Pages({ publicUrl: 'http://x' } as PagesParts).routes) add(router)
    const forms = router.stack.filter(({ methods }) => methods.includes('POST')).map(({ path }) => String(path))

    it('every form that comes from elsewhere', async () => {
      const fields = { csrf: await csrf(), jid: 'alice@localhost', answer: 'allow' }
      assert(forms.length > 20)
      for (const form of forms) {
        for (const origin of ['https://evil.example', 'null', web.app.url, undefined]) {
          const answer = await post(pathOf(form), fields, origin)
          assert.equal(answer.status, 403, `${form} from ${origin}`)
        }
      }
      assert.equal((await get('/account')).status, 200)
    })

    it('every form without the token of this very session', async () => {
      const fields = { jid: 'alice@localhost', answer: 'allow' }
      const foreign = (await csrf()).split('').reverse().join('')
      for (const form of forms.filter((path) => !path.startsWith('/sign-in'))) {
        for (const token of [{}, { csrf: '' }, { csrf: foreign }]) {
          const answer = await post(pathOf(form), { ...fields, ...token }, web.url)
          assert.equal(answer.status, 403, `${form} with ${JSON.stringify(token)}`)
        }
      }
    })

    it('a session that was signed out, however its cookie was kept', async () => {
      const thief = await web.browser()
      const hers = await thief.newPage()
      await hers.goto(`${web.url}/account`)
      await web.signIn(hers, 'bob')
      await hers.getByRole('heading', { name: 'Your account' }).waitFor()
      const kept = await cookies(thief)
      const token = (await hers.locator('input[name=csrf]').first().getAttribute('value')) ?? ''
      await hers.getByRole('button', { name: 'Sign out', exact: true }).click()
      await hers.getByRole('link', { name: 'Sign in' }).waitFor()
      const shown = await get('/account', kept)
      assert.equal(shown.status, 303)
      assert.equal(shown.headers.get('location'), '/sign-in?next=%2Faccount')
      const changed = await post('/account/publish', { csrf: token, publish: 'none' }, web.url, kept)
      assert.equal(changed.status, 401)
      await thief.close()
    })

    it('to sign anybody in who only looks at the link, as previews do', async () => {
      const hers = await (await web.browser()).newPage()
      await send(hers, '/sign-in', 'Send me the message', { 'Your XMPP address': 'bob@localhost' })
      const { link } = await web.letter('bob')
      for (const method of ['GET', 'HEAD', 'GET']) {
        const answer = await fetch(link, { method, headers: { 'User-Agent': 'LinkPreview/1.0' } })
        assert.equal(answer.status, 200)
        assert.equal(answer.headers.get('set-cookie'), null)
      }
      const other = await (await web.browser()).newPage()
      await other.goto(link)
      await other.getByRole('button', { name: 'Sign in here' }).click()
      await other.getByRole('heading', { name: 'Your account' }).waitFor()
      assert.equal((await fetch(link)).status, 410)
    })
  })

  describe('lead on', () => {
    it('from what a form led to, loaded by the address bar, to the page that the form is on', async () => {
      const paths = {
        '/account/publish': '/account',
        [`/account/apps/${appid}/pause`]: '/account',
        [`/myapps/${appid}/webhook/rotate`]: `/myapps/${appid}`,
        '/sign-out': '/',
      }
      for (const [path, back] of Object.entries(paths)) {
        const answer = await get(path)
        assert.deepEqual([answer.status, answer.headers.get('location')], [303, back], path)
      }
      assert.equal((await get('/account/nothing')).status, 404)
    })

    it('who was signed out meanwhile back to the question that she answered', async () => {
      const hers = await (await web.browser()).newPage()
      await hers.goto(web.consentUrl(appid))
      await hers.getByText('so that you can answer').waitFor()
      await web.signIn(hers, 'carol')
      await hers.getByRole('button', { name: 'Allow' }).waitFor()
      await hers.context().clearCookies()
      await hers.getByRole('button', { name: 'Allow' }).click()
      await hers.getByRole('link', { name: 'Sign in' }).click()
      await web.signIn(hers, 'carol')
      await hers.getByRole('button', { name: 'Allow' }).click()
      await hers.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await hers.context().close()
    })

    it('to the public URL, whoever comes by another name of the machine', async () => {
      const { port } = new URL(web.url)
      for (const path of ['/', '/account', '/sign-in?next=%2Fmyapps']) {
        const headers = { Host: `localhost:${port}`, Accept: 'text/html' }
        assert.equal(await locationOf(path, headers), `${web.url}${path}`)
      }
      const posted = await post('/sign-in?next=%2Fmyapps', {}, `http://presence.example:${port}`)
      const text = await posted.text()
      assert.equal(posted.status, 403)
      assert(text.includes(`href="${web.url}/sign-in?next=%2Fmyapps"`), text)
    })

    it('who sends a form of another session to her account, as who she is now', async () => {
      const answer = await post('/account/publish', { csrf: 'another', publish: 'none' }, web.url)
      assert.match(await answer.text(), /signed in as <strong>alice@localhost<\/strong> now/)
    })
  })

  it('take what has not six digits for no code', async () => {
    const hers = await (await web.browser()).newPage()
    await send(hers, '/sign-in', 'Send me the message', { 'Your XMPP address': 'xmpp:bob@localhost' })
    await web.letter('bob')
    await hers.getByLabel('The code from the message').fill('12 34')
    await hers.getByRole('button', { name: 'Sign in', exact: true }).click()
    await hers.getByRole('alert').getByText('A code has six digits').waitFor()
    await hers.context().close()
  })

  it('say what is wrong as a page to browsers and as JSON to programs', async () => {
    const page = await fetch(`${web.url}/nothing`, { headers: { Accept: 'text/html,*/*;q=0.8' } })
    assert.equal(page.status, 404)
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    const json = await fetch(`${web.url}/nothing`)
    assert.deepEqual(await json.json(), { result: 'KO', errno: 130, error: 'not found' })
    assert.match(await (await fetch(`${web.url}/`)).text(), /^This is presence-gateway/)
  })

  it('keep their own policies all the while', () => {
    assert.deepEqual(
      web.complaints.filter((text) => !/frame/i.test(text)),
      [],
    )
  })

  /** What a page's form does that is filled in and sent. */
  async function send(page: Page, path: string, button: string, fields: Record<string, string> = {}): Promise<void> {
    await page.goto(`${web.url}${path}`)
    for (const [label, text] of Object.entries(fields)) await page.getByLabel(label).first().fill(text)
    const loaded = page.waitForEvent('load')
    await page.getByRole('button', { name: button }).click()
    await loaded
  }

  async function assertUsable(page: Page, name = page.url()): Promise<void> {
    await page.evaluate(axe.source)
    for (const { width, colorScheme } of LOOKS) {
      await page.setViewportSize({ width, height: 800 })
      await page.emulateMedia({ colorScheme })
      const options = JSON.stringify({ runOnly: RULES, resultTypes: ['violations'] })
      const { violations } = (await page.evaluate(`axe.run(document, ${options})`)) as axe.AxeResults
      const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      const found = bad.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
      assert.deepEqual(found, [], `${name}, ${width} wide, ${colorScheme}`)
    }
    await page.setViewportSize({ width: 320, height: 800 })
    const over = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    assert.equal(over, 0, `${name} scrolls sideways by ${over}`)
    await page.setViewportSize({ width: 1280, height: 900 })
  }

  /** Each thing on the way there can be seen to have the focus. */
  async function tabTo(page: Page, selector: string): Promise<void> {
    await page.locator(selector).waitFor()
    for (let presses = 0; presses < 40; presses++) {
      if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return
      await page.keyboard.press('Tab')
      const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
      assert.notEqual(outline, 'none')
    }
    assert.fail(`the keyboard does not get to ${selector}`)
  }

  function pathOf(route: string): string {
    return route.replace(':appid', appid).replace(':id', 'sgn_x').replace(':token', 'x')
  }

  async function csrf(): Promise<string> {
    const html = await (await get('/account')).text()
    return /name="csrf" value="([^"]+)"/.exec(html)?.[1] ?? assert.fail('no token')
  }

  async function cookies(of = context): Promise<string> {
    return (await of.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ')
  }

  async function get(path: string, cookie?: string): Promise<Response> {
    const headers = { Cookie: cookie ?? (await cookies()), Accept: 'text/html' }
    return fetch(`${web.url}${path}`, { redirect: 'manual', headers })
  }

  /** fetch names no other host than the URL's. */
  async function locationOf(path: string, headers: Record<string, string>): Promise<string | undefined> {
    const asked = request(`${web.url}${path}`, { headers }).end()
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    answer.resume()
    return answer.headers.location
  }

  async function post(path: string, fields: Record<string, string>, origin?: string, cookie?: string) {
    const headers = { Cookie: cookie ?? (await cookies()), Accept: 'text/html', ...(origin && { Origin: origin }) }
    const body = new URLSearchParams(fields)
    return fetch(`${web.url}${path}`, { method: 'POST', redirect: 'manual', headers, body })
  }
})
