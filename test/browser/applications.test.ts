import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import type { Page } from 'playwright-core'
import { Child } from '../support/child.js'
import { until } from '../support/until.js'
import { Web } from './web.js'

describe('A new developer and a new user, in Chromium', function () {
  this.timeout(60_000)
  // One story.
  this.bail(true)
  let web: Web
  let appid = ''
  let alices: Page
  let bobs: Page

  before(async () => {
    web = await Web.start(['alice', 'bob', 'carol'])
  })
  after(async () => {
    await web?.stop()
    // What the frame of the app's page says is as it should be.
    assert.deepEqual(
      web?.complaints.filter((text) => !/frame/i.test(text)),
      [],
    )
  })

  describe('the developer', () => {
    let page: Page

    before(async () => {
      page = alices = await (await web.browser()).newPage()
      await page.goto(`${web.url}/myapps`)
    })

    it('signs in with the code that her XMPP client shows, beside the words that the page shows', async () => {
      await page.getByLabel('Your XMPP address').fill('alice@localhost')
      await page.getByRole('button', { name: 'Send me the message' }).click()
      const { code, text } = await web.letter('alice')
      const words = (await page.locator('.phrase').textContent()) ?? ''
      assert(text.includes(`"${words}"`), `${words} in ${text}`)
      await page.getByLabel('The code from the message').fill(code === '000000' ? '000001' : '000000')
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('alert').getByText('You have 4 tries left').waitFor()
      await page.getByLabel('The code from the message').fill(code)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('heading', { name: 'My apps' }).waitFor()
    })

    it('is told at once what is wrong with a domain, and keeps what she typed', async () => {
      await page.getByLabel('Domain', { exact: true }).fill('https://app.example.org/')
      await page.getByLabel('Name').fill('Lunch Finder')
      await page.getByRole('button', { name: 'Register' }).click()
      const alert = page.getByRole('alert')
      assert.match((await alert.textContent()) ?? '', /leave out http/)
      assert.equal(await page.evaluate('document.activeElement.getAttribute("role")'), 'alert')
      assert.equal(await page.getByLabel('Name').inputValue(), 'Lunch Finder')
      assert.equal(await page.getByLabel('Domain', { exact: true }).getAttribute('aria-invalid'), 'true')
    })

    it('registers it, and hears precisely what is not yet the proof', async () => {
      await page.getByLabel('Domain', { exact: true }).fill(web.app.domain)
      await page.getByRole('button', { name: 'Register' }).click()
      const url = await page.locator('#proof-url').textContent()
      assert.equal(url, `${web.app.url}/__presence`)
      const key = await page.getByRole('textbox', { name: 'The text to put there' }).inputValue()
      assert.equal(key.length, 1024)
      web.app.proof = `${key.slice(0, 99)}!${key.slice(100)}`
      await page.getByRole('button', { name: 'Verify' }).click()
      assert.match(
        (await page.getByRole('alert').textContent()) ?? '',
        /differs at character 100: expected ".", found "!"/,
      )
      web.app.proof = key
      await page.getByRole('button', { name: 'Verify' }).click()
      await page.getByText('The domain is proven.').waitFor()
    })

    it('activates it and is shown its key, once', async () => {
      await page.getByRole('button', { name: 'Activate' }).click()
      const key = await page.getByRole('textbox', { name: 'Key' }).inputValue()
      assert.equal(key.length, 1024)
      await page.getByRole('link', { name: 'I have it' }).click()
      appid = (await page.locator('#appid').textContent()) ?? ''
      assert.match(appid, /^app_/)
      assert(!(await page.content()).includes(key))
      web.app.consentUrl = web.consentUrl(appid)
    })
  })

  describe('the user', () => {
    before(async () => {
      bobs = await (await web.browser()).newPage()
    })

    it('comes from the app, signs in, leaves out what he likes, and lands there with a token that two libraries verify', async () => {
      await bobs.goto(web.app.url)
      await bobs.getByRole('link', { name: 'Let us see you' }).click()
      await web.signIn(bobs, 'bob')
      await bobs.getByRole('heading', { name: 'Let Lunch Finder see you?' }).waitFor()
      assert((await bobs.getByText(web.app.domain).count()) > 0)
      await bobs.getByLabel('Your address').uncheck()
      await bobs.getByRole('button', { name: 'Allow' }).click()
      await bobs.getByRole('heading', { name: 'Welcome back' }).waitFor()
      const uid = await verify(new URL(bobs.url()))
      assert.match(uid, /^UID/)
    })

    it('may do the same in a pop-up, which tells the page that opened it', async () => {
      await bobs.goto(web.app.url)
      const [popup] = await Promise.all([
        bobs.waitForEvent('popup'),
        bobs.getByRole('button', { name: 'In a pop-up' }).click(),
      ])
      await popup.getByRole('button', { name: 'Allow' }).click()
      const told = await until(async () => (await bobs.locator('#told').textContent()) || null, 10_000, 'the opener')
      await verify(new URL(told, web.app.url))
    })

    it('allows nothing within half a second of the page coming to the front', async () => {
      const page = await bobs.context().newPage()
      await page.goto(web.consentUrl(appid))
      const allow = page.getByRole('button', { name: 'Allow' })
      for (const event of ['focus', 'visibilitychange']) {
        await until(() => allow.isEnabled(), 10_000, 'Allow')
        const answered = await page.evaluate(`(() => {
          const button = document.querySelector('button[value=allow]')
          let isSent = false
          button.form.addEventListener('submit', () => { isSent = true })
          ;${event === 'focus' ? 'window' : 'document'}.dispatchEvent(new Event('${event}'))
          button.focus()
          button.click()
          return [isSent, document.activeElement === button]
        })()`)
        assert.deepEqual(answered, [false, true])
      }
      await until(() => allow.isEnabled(), 10_000, 'Allow')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await page.close()
    })

    it('may sign out at the question, and comes back to it as another', async () => {
      const page = await (await web.browser()).newPage()
      await page.goto(web.consentUrl(appid))
      await web.signIn(page, 'bob')
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByLabel('Your XMPP address').waitFor()
      await web.signIn(page, 'alice')
      await page.getByRole('heading', { name: 'Let Lunch Finder see you?' }).waitFor()
      assert((await page.getByText('alice@localhost').count()) > 0)
      await page.context().close()
    })

    it('says not now, and the app hears just that', async () => {
      await bobs.goto(web.consentUrl(appid))
      await bobs.getByRole('button', { name: 'Not now' }).click()
      await bobs.getByRole('heading', { name: 'Welcome back' }).waitFor()
      assert.equal(bobs.url(), `${web.app.url}/back?error=access_denied&state=st%26te%3D1`)
    })

    it('sees at his account what he let it see, pauses it, lets it go on, and revokes it', async () => {
      await bobs.goto(`${web.url}/account`)
      await bobs.getByText('out for tea').waitFor()
      const apps = bobs.locator('#apps')
      assert.equal(await apps.getByLabel('The details').isChecked(), true)
      await apps.getByRole('button', { name: 'Pause' }).click()
      await apps.getByText('It is paused').waitFor()
      assert.equal(await bobs.evaluate('document.activeElement.id'), 'done')
      assert.equal(await isInView(bobs, '#done'), true)
      await bobs.goto(web.consentUrl(appid))
      await bobs.getByText('You have paused it').waitFor()
      await bobs.getByRole('button', { name: 'Allow' }).click()
      await bobs.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await bobs.goto(`${web.url}/account`)
      await apps.getByRole('button', { name: 'Resume Lunch Finder' }).click()
      await bobs.getByText('It sees you again').waitFor()
      await apps.getByRole('button', { name: 'Revoke' }).click()
      await bobs.getByText('It is revoked').waitFor()
      await apps.getByText('None.').waitFor()
    })

    it('publishes nothing, and whoever asks finds nobody', async () => {
      await bobs.getByLabel('Nothing').check()
      await bobs.locator('#publish').getByRole('button', { name: 'Save' }).click()
      await bobs.getByText('Nothing.', { exact: true }).waitFor()
      assert.equal((await web.gateway.status('bob@localhost')).status, 404)
    })

    it('makes a link that tells his status and not who he is', async () => {
      await bobs.locator('#link').getByRole('button', { name: 'Make one' }).click()
      const url = await bobs.getByRole('textbox', { name: 'The link' }).inputValue()
      const answer = await (await fetch(url)).text()
      assert.equal(answer.trim(), 'away')
      await bobs.getByRole('link', { name: 'I have it' }).click()
    })

    it('makes a token for a script, which is shown once', async () => {
      await bobs.locator('#tokens').getByLabel('Name').fill('my script')
      await bobs.getByRole('button', { name: 'Make a token' }).click()
      const token = await bobs.getByRole('textbox', { name: 'Token: my script' }).inputValue()
      const answer = await fetch(`${web.url}/api/me`, { headers: { Authorization: `Bearer ${token}` } })
      assert.equal(answer.status, 200)
      await bobs.getByRole('link', { name: 'I have it' }).click()
      await bobs.getByRole('button', { name: 'Remove the token my script' }).click()
      await bobs.getByText('The token is gone.').waitFor()
    })

    it('deletes everything, once he has typed who he is, and is a stranger from then on', async () => {
      await bobs.getByRole('link', { name: 'What that means, and how' }).click()
      await bobs.getByLabel('Type your address').fill('alice@localhost')
      await bobs.getByRole('button', { name: 'Delete everything' }).click()
      await bobs.getByRole('alert').waitFor()
      await bobs.getByLabel('Type your address').fill('bob@localhost')
      await bobs.getByRole('button', { name: 'Delete everything' }).click()
      await bobs.getByRole('heading', { name: 'It is all gone' }).waitFor()
      await bobs.goto(`${web.url}/account`)
      await bobs.getByRole('heading', { name: 'Sign in' }).waitFor()
    })
  })

  describe('the developer again', () => {
    const done = (text: string) => alices.getByRole('status').getByText(text).waitFor()

    it('changes what users are shown, and is told which host is none of hers', async () => {
      await alices.goto(`${web.url}/myapps/${appid}`)
      await alices.getByLabel('Description').fill('Finds you somebody to eat with')
      await alices.getByLabel('Further hosts').fill('evil.example')
      const form = alices.locator('#details')
      await form.getByRole('button', { name: 'Save' }).click()
      await alices.getByRole('alert').getByText('"evil.example" is not a subdomain').waitFor()
      assert.equal(await alices.getByLabel('Description').inputValue(), 'Finds you somebody to eat with')
      await alices.getByLabel('Further hosts').fill('')
      await form.getByRole('button', { name: 'Save' }).click()
      await done('Saved.')
    })

    it('sets a webhook, reads its secret, and makes a new one', async () => {
      const form = alices.locator('#webhook')
      await form.getByLabel('URL').fill('gopher://x')
      await form.getByRole('button', { name: 'Save' }).click()
      await alices.getByRole('alert').getByText('Webhook').waitFor()
      await form.getByLabel('URL').fill(`${web.app.url}/hook`)
      await form.getByRole('button', { name: 'Save' }).click()
      await done('Saved.')
      const secret = alices.getByRole('textbox', { name: 'What its calls are signed with', includeHidden: true })
      const before = await secret.inputValue()
      assert.match(before, /^whsec_/)
      await form.getByText('Its secret').click()
      await form.getByRole('button', { name: 'Make a new secret' }).click()
      await done('There is a new secret.')
      assert.notEqual(await secret.inputValue(), before)
    })

    it('lets somebody else look after it, and no longer', async () => {
      await alices.getByLabel('Add a member').fill('carol@localhost')
      await alices.getByRole('button', { name: 'Add' }).click()
      await done('Added.')
      await alices.getByRole('button', { name: 'Remove carol@localhost' }).click()
      await done('Removed.')
    })

    it('deactivates it, so that it can ask nobody, and deletes it', async () => {
      await alices.getByRole('button', { name: 'Deactivate' }).click()
      await done('It is not active any more')
      assert.equal((await fetch(web.consentUrl(appid))).status, 403)
      await alices.getByRole('link', { name: 'Delete this app' }).click()
      await alices.getByRole('link', { name: 'No, keep it' }).click()
      await alices.getByRole('link', { name: 'Delete this app' }).click()
      await alices.getByRole('button', { name: 'Delete this app' }).click()
      await done('It is deleted.')
      assert.equal((await fetch(web.consentUrl(appid))).status, 404)
    })
  })

  describe('others', () => {
    it('gets by without JavaScript', async () => {
      const page = await (await web.browser({ javaScriptEnabled: false })).newPage()
      await page.goto(`${web.url}/myapps`)
      await page.getByLabel('Your XMPP address').fill('carol@localhost')
      await page.getByRole('button', { name: 'Send me the message' }).click()
      const { stanza } = await web.letter('carol')
      await page.getByRole('button', { name: 'I confirmed in my XMPP client' }).click()
      await page.getByText('You have not confirmed it yet').waitFor()
      await web.confirm('carol', stanza)
      await until(
        async () => {
          await page.getByRole('button', { name: 'I confirmed in my XMPP client' }).click()
          return page.url().startsWith(`${web.url}/myapps`)
        },
        5_000,
        'her confirmation',
      )
      const plain = await web.activeApp(page, 'Plain')
      await page.setViewportSize({ width: 360, height: 800 })
      assert((await page.locator('button.copy').count()) > 2)
      assert.equal(await page.locator('button.copy:visible').count(), 0)
      web.app.proof = 'moved away'
      await page.getByText('How to prove it').click()
      await page.getByRole('button', { name: 'Verify again' }).click()
      await page.getByRole('alert').getByText('It stays proven, but: http').waitFor()
      assert.equal(await page.getByRole('button', { name: 'Verify again' }).isVisible(), true)
      await page.goto(web.consentUrl(plain))
      await page.getByRole('button', { name: 'Allow' }).click()
      await verify(new URL(page.url()), plain)
      await page.goto(`${web.url}/account`)
      await page.getByRole('button', { name: 'Revoke Plain' }).click()
      await page.getByText('It is revoked').waitFor()
      await page.getByRole('button', { name: 'Sign out', exact: true }).click()
      await page.getByRole('link', { name: 'Sign in' }).waitFor()
    })

    it('is noticed by the waiting page when she confirms in her XMPP client', async () => {
      const page = await (await web.browser()).newPage()
      await page.goto(`${web.url}/account`)
      await page.getByLabel('Your XMPP address').fill('carol@localhost')
      await page.getByRole('button', { name: 'Send me the message' }).click()
      const { stanza } = await web.letter('carol')
      await web.confirm('carol', stanza)
      await page.getByRole('heading', { name: 'Your account' }).waitFor()
    })

    it('runs what the page of the key prints, as it is, and is let in on the way and in a pop-up', async () => {
      const hers = await (await web.browser()).newPage()
      await hers.goto(`${web.url}/myapps`)
      await web.signIn(hers, 'carol')
      const printed = await web.activeApp(hers, 'Snippet')
      await hers.getByRole('button', { name: 'Make a new key' }).click()
      const code = (await hers.locator('#snippet-node').textContent()) ?? ''
      const listening = (await hers.locator('#snippet-curl').textContent()) ?? ''
      const key = await hers.getByRole('textbox', { name: 'Key' }).inputValue()
      web.app.stop()
      // Where it finds jose.
      const file = fileURLToPath(new URL('snippet.mjs', import.meta.url))
      await writeFile(file, code)
      let said = ''
      const onLine = (line: string) => {
        said += line
      }
      const server = new Child(process.execPath, [file], { missing: '', onLine })
      try {
        const letIn = (times: number) =>
          until(() => said.match(/from now on: UID/g)?.length === times, 5_000, 'the uid')
        await until(() => fetch(web.app.url).catch(() => null), 5_000, 'its server')
        await hers.goto(web.app.url)
        await hers.getByRole('link', { name: 'Let us see' }).click()
        await hers.getByRole('button', { name: 'Allow' }).click()
        await hers.getByText('Thank you.').waitFor()
        await letIn(1)
        const uid = /UID\S+/.exec(said)?.[0]
        const heard: string[] = []
        const curl = new Child('bash', ['-c', `exec ${listening.split('\n')[1]}`], {
          env: { ...process.env, PRESENCE_KEY: key },
          missing: 'bash is missing',
          onLine: (line) => heard.push(line),
        })
        await until(() => heard.length === 2, 5_000, 'the snapshot').finally(() => curl.end())
        assert.match(
          heard[0] ?? '',
          new RegExp(`^\\{"presence":\\[\\["${uid}","away",\\{"show":"away","text":"out for tea",`),
        )
        assert.match(heard[1] ?? '', /^\{"ready":true,"cursor":"/)
        await hers.getByRole('link', { name: 'Go on' }).click()
        const [popup] = await Promise.all([hers.waitForEvent('popup'), hers.getByRole('button').click()])
        await popup.getByRole('button', { name: 'Allow' }).click()
        await hers.getByText('Thank you.').waitFor()
        await letIn(2)
        const elsewhere = web.consentUrl(printed).replace('%2Fback', '%2Fpresence')
        await hers.goto(elsewhere)
        await hers.getByRole('button', { name: 'Allow' }).click()
        await until(() => said.includes('this browser did not ask for it'), 5_000, 'the refusal')
      } finally {
        await server.end()
        await rm(file)
      }
    })
  })

  function isInView(page: Page, selector: string): Promise<unknown> {
    return page.evaluate(`(() => {
      const { top, bottom } = document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect()
      return top >= 0 && bottom <= innerHeight
    })()`)
  }

  /** As an app's server would, by both libraries; returns the uid. */
  async function verify(url: URL, audience = appid): Promise<string> {
    const query = url.searchParams
    const token = query.get('presence_token') ?? ''
    assert.equal(query.get('state'), 'st&te=1')
    const jwks = `${web.url}/.well-known/jwks.json`
    const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(jwks)), { issuer: web.url, audience })
    const { keys } = (await (await fetch(jwks)).json()) as { keys: { kid: string }[] }
    const { header } = jsonwebtoken.decode(token, { complete: true }) ?? assert.fail('no token')
    const key = createPublicKey({ key: keys.find(({ kid }) => kid === header.kid) ?? {}, format: 'jwk' })
    const again = jsonwebtoken.verify(token, key, { issuer: web.url, audience, algorithms: ['ES256'] })
    assert.equal(payload.nonce, 'st&te=1')
    assert.equal(payload.sub, query.get('Presence-UID'))
    assert.equal(again.sub, payload.sub)
    return payload.sub ?? ''
  }
})
