import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { AppId } from '../../src/apps/app.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { freePorts } from '../support/ports.js'
import { signedIn } from '../support/signed-in.js'
import { anApp } from '../unit/an-app.js'

const APP = `app_${'c'.repeat(24)}` as AppId
/** As browsers say of themselves, with a few cookies of others on the host. */
const USUAL = {
  'User-Agent': `Mozilla/5.0 ${'x'.repeat(150)}`,
  'Accept-Language': 'de,en-US;q=0.7,en;q=0.3',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
}
const OTHER_COOKIES = `other=${'x'.repeat(1000)}`

/** A process of its own; it needs no XMPP server for this. */
describe('The longest link to the consent page', function () {
  this.timeout(30_000)
  let gateway: GatewayProcess
  let publicUrl: string
  let session: string

  before(async () => {
    const [port = 0] = await freePorts(1)
    publicUrl = `http://127.0.0.1:${port}`
    gateway = await GatewayProcess.prepare({
      config: {
        http: { port, publicUrl },
        xmpp: { secret: 'x', service: 'xmpp://127.0.0.1:1' },
        signIn: { domains: 'any' },
      },
    })
    ;({ session } = await signedIn(gateway, 'alice@localhost'))
    const database = openDatabase(join(gateway.directory, 'data'))
    await new SqliteAppStore(database).add(anApp({ appid: APP, verifiedAt: 1, active: true }))
    database.close()
    await gateway.start()
  })
  after(() => gateway?.stop())

  /** As a browser does, which leaves out the path of a Referer over 4 KiB. */
  const ask = async (path: string, from: string, cookie: string, form?: Record<string, string>) => {
    const Referer = from.length > 4096 ? publicUrl : from.padEnd(4096, 'x')
    const headers = { ...USUAL, Referer, Origin: publicUrl, Cookie: `${OTHER_COOKIES}; ${cookie}` }
    const body = form && new URLSearchParams(form)
    return fetch(publicUrl + path, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers,
      ...(body && { body }),
    })
  }

  function linkOf(redirect: string): string {
    const asked = new URLSearchParams({ redirect, state: 's'.repeat(1024), scope: 'status details address' })
    return `/${APP}/grant?${asked}`
  }

  const plain = 'https://app.example/'.padEnd(4096, 'x')
  // `/` takes one character there, three in the link, and five behind `next=`.
  let slashes = 'https://app.example/'
  for (const more of ['/'.repeat(100), '/', 'x']) {
    const nextOf = (redirect: string) => `/sign-in?next=${encodeURIComponent(linkOf(redirect))}`
    while (nextOf(slashes + more).length <= 8000) slashes += more
  }

  for (const [what, redirect] of [
    ['of plain letters', plain],
    ['of what must be escaped twice', slashes],
  ] as const) {
    it(`${what} survives signing in and out`, async () => {
      const link = linkOf(redirect)
      const first = await ask(link, `${publicUrl}/`, '')
      assert.equal(first.status, 303)
      const signIn = first.headers.get('location') ?? ''
      const page = await (await ask(signIn, publicUrl, '')).text()
      const action =
        /<form method="post" action="([^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? assert.fail(page)
      // No message can be sent here; it was read, though, and its form leads to the same place.
      const begun = await ask(action, publicUrl + signIn, '', { jid: 'alice@localhost' })
      assert.equal(begun.status, 503)
      assert.ok((await begun.text()).includes(action.replaceAll('&', '&amp;')))
      const back = await ask(signIn, publicUrl + signIn, `session=${session}`)
      assert.deepEqual([back.status, back.headers.get('location')], [303, link])
      const consent = await ask(link, publicUrl + signIn, `session=${session}`)
      assert.equal(consent.status, 200)
      const text = await consent.text()
      const signOut = /action="(\/sign-out\?next=[^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? assert.fail(text)
      const refused = await ask(signOut, publicUrl + link, `session=${session}`, { csrf: 'other' })
      assert.equal(refused.status, 403)
      assert.equal(new URL(signOut, publicUrl).searchParams.get('next'), link)
    })
  }

  it('is longer than one that is refused before anybody signs in', async () => {
    const answer = await ask(linkOf(`${slashes}//`), `${publicUrl}/`, '')
    assert.equal(answer.status, 400)
    assert.match(await answer.text(), /link is too long/)
  })
})
