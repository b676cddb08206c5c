import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { App, AppId } from '../../src/apps/app.js'
import type { Grant, GrantStore } from '../../src/apps/grant.js'
import { type AskedGrant, type GrantChange, type GrantQuery, Grants } from '../../src/apps/grants.js'
import { OutboundError } from '../../src/apps/outbound.js'
import type { BareJid } from '../../src/presence/jid.js'
import { openDatabase } from '../../src/storage/database.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { FakeClock } from './fake-clock.js'
import { temporaryDirectory } from './temporary-directory.js'
import { jid } from './users.js'

const APPID = `app_${'a'.repeat(24)}` as AppId
const ALICE = jid('alice@example.org')
const UID = /^UID[A-Za-z0-9_-]{22}$/

describe('Grants', () => {
  const directory = temporaryDirectory()
  const clock = new FakeClock()
  const forgotten = new Set<BareJid>()
  let app: App
  let close = () => {}
  let store: GrantStore
  let grants: Grants
  let changes: GrantChange[]
  let lookUp: () => Promise<boolean>

  beforeEach(() => {
    const database = openDatabase(directory())
    close = () => void database.close()
    store = new SqliteGrantStore(database)
    app = {
      appid: APPID,
      domain: 'example.org',
      name: 'Chess',
      description: '',
      scope: ['status', 'details'],
      hosts: [],
      members: [],
      createdAt: 0,
      verifiedAt: 0,
      active: true,
      hasIcon: false,
      webhook: null,
    }
    forgotten.clear()
    lookUp = async () => false
    grants = new Grants({
      store,
      apps: { find: async (appid) => (appid === app.appid ? app : null) },
      outbound: { isAllowedPrivate: () => lookUp() },
      tokens: { issue: async ({ appid, uid, state }) => `${appid}.${uid}.${state}` },
      forgotten,
      clock,
      random: randomBytes,
    })
    changes = []
    grants.onChange((change) => changes.push(change))
  })
  afterEach(() => close())

  const query = (said: Partial<GrantQuery> = {}): GrantQuery => ({
    appid: APPID,
    redirect: 'https://example.org/cb?a=1',
    state: undefined,
    scope: undefined,
    ...said,
  })
  const request = (said?: Partial<GrantQuery>, isSignedIn = true) => grants.request(query(said), isSignedIn)
  async function asked(said?: Partial<GrantQuery>): Promise<AskedGrant> {
    const answer = await request(said)
    assert(answer.kind === 'asked')
    return answer
  }
  async function allow(said?: Partial<GrantQuery>, scope = app.scope, user = ALICE) {
    const answer = await grants.allow(user, await asked(said), scope)
    assert(answer)
    return answer
  }

  it('asks for what the link says, and else for what the app says', async () => {
    const scopeOf = async (scope?: string) => (await asked({ scope })).scope
    assert.deepEqual(await scopeOf(), ['status', 'details'])
    assert.deepEqual(await scopeOf(''), ['status', 'details'])
    assert.deepEqual(await scopeOf('status'), ['status'])
    assert.deepEqual(await scopeOf('address  details address'), ['status', 'details', 'address'])
    app = { ...app, scope: [] }
    assert.deepEqual(await scopeOf(), ['status'])
  })

  const refusals: [string, Partial<GrantQuery>, number, number][] = [
    ['no app', { appid: undefined }, 404, 130],
    ['no such app', { appid: `app_${'b'.repeat(24)}` }, 404, 130],
    ['what no app is called', { appid: "app_' OR 1=1" }, 404, 130],
    ['no redirect', { redirect: undefined }, 400, 101],
    ['a foreign redirect', { redirect: 'https://evil.com/' }, 400, 101],
    ['an unknown scope', { scope: 'status everything' }, 400, 101],
    ['a scope of a list', { scope: 'status,details' }, 400, 101],
    ['a long state', { state: 'x'.repeat(1025) }, 400, 101],
  ]
  for (const [what, said, status, errno] of refusals) {
    it(`refuses ${what}, and sends nobody anywhere`, async () => {
      const { kind, ...rest } = await request(said)
      assert.equal(kind, 'refused')
      assertHas(rest, { status, errno })
    })
  }

  const wrong: readonly [redirect: string | undefined, why: string][] = [
    [undefined, 'is missing'],
    ['', 'is missing'],
    ['https://example.org/#x', 'has a fragment (#…), and must have none'],
    ['/cb', 'must be a whole URL: https://example.org/…'],
    ['ftp://example.org/', 'must be a whole URL: https://example.org/…'],
    ['http://example.org/', 'must begin with https:// (http:// only inside outbound.allowPrivate)'],
    ['https://evil.com/', 'its host is evil.com, not example.org'],
    ['https://example.org:8443/', 'its host is example.org:8443, not example.org'],
    ['https://example.org/ü', 'has characters that must be percent-encoded'],
    ['https://me@example.org/', 'has a user name or a password in it, and must have none'],
    [`https://example.org/${'x'.repeat(4096)}`, 'has more than 4,096 characters'],
    ['https://exa%6dple.org/', 'must be an https:// URL on example.org or a host that the app has listed'],
  ]
  for (const [redirect, why] of wrong) {
    it(`says what is wrong with the redirect ${redirect?.slice(0, 40)}`, async () => {
      assertHas(await request({ redirect }), { why: `redirect: ${why}` })
    })
  }

  it('names the hosts that the app has listed, where a redirect leads to none of them', async () => {
    app = { ...app, hosts: ['login.example.org'] }
    const why = 'redirect: its host is evil.com, not example.org or one that the app has listed'
    assertHas(await request({ redirect: 'https://evil.com/' }), { why })
  })

  it('knows no app whose domain was not proven, and none that is paused', async () => {
    app = { ...app, active: false }
    assertHas(await request(), { kind: 'refused', status: 403, errno: 122 })
    app = { ...app, active: true, verifiedAt: null }
    assertHas(await request(), { kind: 'refused', status: 404, errno: 130 })
  })

  it('looks nothing up for who is not signed in, and says so where it could not be looked up', async () => {
    const http = { redirect: 'http://example.org/cb' }
    lookUp = () => assert.fail('it was looked up')
    assert.deepEqual(await request(http, false), { kind: 'sign-in-first' })
    assertHas(await request({ ...http, appid: 'app_none' }, false), { kind: 'refused', status: 404 })
    assertHas(await request({}, false), { kind: 'asked' })
    lookUp = async () => true
    assertHas(await request(http), { kind: 'asked' })
    lookUp = async () => false
    assertHas(await request(http), { kind: 'refused', status: 400 })
    lookUp = () => Promise.reject(new OutboundError('it took longer than 5 s', true))
    assertHas(await request(http), { kind: 'refused', status: 503, errno: 152 })
  })

  it('sends her back with uid, state and token, behind what the redirect had', async () => {
    const { location, uid } = await allow({ state: 'a&b=c d' })
    assert.match(uid, UID)
    assert.equal(location.origin + location.pathname, 'https://example.org/cb')
    assert.deepEqual(
      [...location.searchParams],
      [
        ['a', '1'],
        ['Presence-UID', uid],
        ['state', 'a&b=c d'],
        ['presence_token', `${APPID}.${uid}.a&b=c d`],
      ],
    )
    assert.equal((await allow()).location.searchParams.has('state'), false)
  })

  it('sends who does not allow it back with an error, and remembers nothing of it', async () => {
    const location = grants.refuse(await asked({ state: 's' }))
    assert.equal(location.href, 'https://example.org/cb?a=1&error=access_denied&state=s')
    assert.equal(await grants.find(ALICE, APPID), null)
  })

  it('gives no more than was asked, and never less than the status', async () => {
    await allow({ scope: 'status' }, ['details', 'address'])
    assert.deepEqual((await grants.find(ALICE, APPID))?.scope, ['status'])
    await allow({ scope: 'details address' }, ['address'])
    assert.deepEqual((await grants.find(ALICE, APPID))?.scope, ['status', 'address'])
    await allow({ scope: 'details address' }, [])
    assert.deepEqual((await grants.find(ALICE, APPID))?.scope, ['status'])
  })

  it('knows a user by one uid until she takes it back, and by another after it', async () => {
    const { uid } = await allow()
    const { grantedAt } = (await grants.find(ALICE, APPID)) as Grant
    await grants.change(ALICE, APPID, { paused: true })
    clock.pass(1000)
    assert.equal((await allow({ scope: 'status' })).uid, uid)
    assertHas(await grants.find(ALICE, APPID), { scope: ['status'], grantedAt })
    assert.equal(await grants.revoke(ALICE, APPID), true)
    assert.equal(await grants.revoke(ALICE, APPID), false)
    assert.notEqual((await allow()).uid, uid)
    assert.equal(await store.byUid(uid), null)
  })

  it('leaves paused what she has paused, however often it asks', async () => {
    await allow({ scope: 'status' })
    assertHas(await grants.find(ALICE, APPID), { paused: false })
    await grants.change(ALICE, APPID, { paused: true })
    await allow({ scope: 'details' })
    assertHas(await grants.find(ALICE, APPID), { scope: ['status', 'details'], paused: true })
    await grants.revoke(ALICE, APPID)
    await allow()
    assertHas(await grants.find(ALICE, APPID), { paused: false })
  })

  it('gives one uid to who presses the button twice at once', async () => {
    const answers = await Promise.all([allow(), allow(), allow()])
    assert.equal(new Set(answers.map(({ uid }) => uid)).size, 1)
  })

  it('gives every user a uid of her own', async () => {
    const uids = await Promise.all(['a@h', 'b@h', 'c@h'].map((user) => allow({}, app.scope, jid(user))))
    assert.equal(new Set(uids.map(({ uid }) => uid)).size, 3)
  })

  it('changes scope and pause, of grants that there are', async () => {
    assert.equal(await grants.change(ALICE, APPID, { paused: true }), null)
    assert.equal(await grants.change(ALICE, 'app_', { paused: true }), null)
    await allow()
    assert.equal((await grants.change(ALICE, APPID, { paused: true }))?.paused, true)
    assertHas(await grants.change(ALICE, APPID, { scope: ['address'] }), {
      paused: true,
      scope: ['status', 'address'],
    })
  })

  it('tells what was given, changed and taken back, in order', async () => {
    await allow()
    await grants.change(ALICE, APPID, { paused: true })
    await grants.revoke(ALICE, APPID)
    const paused = changes.map(({ before, after }) => [before?.paused ?? null, after?.paused ?? null])
    assert.deepEqual(paused, [
      [null, false],
      [false, true],
      [true, null],
    ])
  })

  it('gives nothing to who deleted her account while she looked at the page', async () => {
    const looked = await asked()
    forgotten.add(ALICE)
    assert.equal(await grants.allow(ALICE, looked, ['status']), null)
    assert.equal(await store.find(ALICE, APPID), null)
    assert.deepEqual(changes, [])
  })

  it('gives nothing to an app that was paused or deleted meanwhile', async () => {
    const looked = await asked()
    app = { ...app, active: false }
    assert.equal(await grants.allow(ALICE, looked, ['status']), null)
    app = { ...app, appid: `app_${'b'.repeat(24)}` as AppId }
    assert.equal(await grants.allow(ALICE, looked, ['status']), null)
  })

  it('lists hers, with the apps', async () => {
    await allow()
    const [listed, ...others] = await grants.of(ALICE)
    assert.deepEqual(others, [])
    assert.equal(listed?.app.name, 'Chess')
    assert.deepEqual(await grants.of(jid('bob@example.org')), [])
  })

  it('goes on after a change that could not be stored, and tells nobody of that', async () => {
    const { save } = store
    store.save = async () => {
      throw new Error('disk full')
    }
    await assert.rejects(allow(), /disk full/)
    store.save = save
    assert.deepEqual(changes, [])
    await allow()
  })
})

/** Whatever else it has. */
function assertHas<T>(actual: T, expected: Partial<Record<string, unknown>>): void {
  const named = Object.fromEntries(
    Object.keys(expected).map((key) => [key, (actual as Record<string, unknown>)?.[key]]),
  )
  assert.deepEqual(named, expected)
}
