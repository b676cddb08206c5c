import type { AppId } from '../../src/apps/app.js'
import { systemClock } from '../../src/ops/system-clock.js'
import { PresenceBoard } from '../../src/presence/presence-board.js'
import { PresenceWriter } from '../../src/presence/presence-writer.js'
import { openDatabase } from '../../src/storage/database.js'
import { DirectoryLock } from '../../src/storage/directory-lock.js'
import { SqliteAccountStore } from '../../src/storage/sqlite-account-store.js'
import { SqliteAppStore } from '../../src/storage/sqlite-app-store.js'
import { SqliteGrantStore } from '../../src/storage/sqlite-grant-store.js'
import { SqlitePersonalTokenStore } from '../../src/storage/sqlite-personal-token-store.js'
import { SqlitePresenceStore } from '../../src/storage/sqlite-presence-store.js'
import { SqlitePublicLinkStore } from '../../src/storage/sqlite-public-link-store.js'
import { SqlitePublicationStore } from '../../src/storage/sqlite-publication-store.js'
import { SqliteRosterCopies } from '../../src/storage/sqlite-roster-copies.js'
import { SqliteRosterPushStore } from '../../src/storage/sqlite-roster-push-store.js'
import { SqliteRosterStore } from '../../src/storage/sqlite-roster-store.js'
import { SqliteSessionStore } from '../../src/storage/sqlite-session-store.js'
import { SqliteSubscriptionStore } from '../../src/storage/sqlite-subscription-store.js'
import { SqliteWebhookStore } from '../../src/storage/sqlite-webhook-store.js'
import { Storage } from '../../src/storage/storage.js'
import { AN_HOUR_OF_CHANGES } from '../support/an-hour-of-changes.js'
import { anApp } from '../unit/an-app.js'
import { jid, presence } from '../unit/users.js'
import { saveEverythingOf } from './everything-of.js'
import { aDelivery, aFlight, aWebhookState } from './webhook-samples.js'

/**
 * A process to be killed: `node writing-process.js DIRECTORY WHAT FROM` says on a line of its own which write was
 * acknowledged last, and goes on until it is killed.
 */
const [directory = '', what, from = '1'] = process.argv.slice(2)
const acknowledged = (line: string) => process.stdout.write(`${line}\n`)

if (what === 'lock') {
  DirectoryLock.acquire(directory, process.pid)
  acknowledged('held')
  setInterval(() => {}, 1000)
} else if (what === 'opening') {
  const storage = new Storage(directory, { failed: acknowledged, recovered: () => {} }, { boot: 'boot 1' })
  acknowledged('opened')
  const said = { show: 'away', text: null, shownSince: 1, idleSince: null, resource: 'r', priority: 0 } as const
  await storage.presences.append([{ user: jid('a@h'), ...said, was: 'unknown' }], 1)
  acknowledged('appended')
  await storage.close()
  acknowledged('closed')
} else if (what === 'everything') {
  await everything()
} else {
  const database = openDatabase(directory)
  const presences = new SqlitePresenceStore(database)
  const publications = new SqlitePublicationStore(database)
  const rosters = new SqliteRosterStore(database)
  const rosterCopies = new SqliteRosterCopies(database)
  const pushes = new SqliteRosterPushStore(database)
  const sessions = new SqliteSessionStore(database)
  const tokens = new SqlitePersonalTokenStore(database)
  const apps = new SqliteAppStore(database)
  const grants = new SqliteGrantStore(database)
  const links = new SqlitePublicLinkStore(database)
  const accounts = new SqliteAccountStore(database)
  const webhooks = new SqliteWebhookStore(database)
  const subscriptions = new SqliteSubscriptionStore(database)
  for (let n = Number(from); ; n++) {
    const user = jid(`u${n}@example.org`)
    if (what === 'presences') {
      // Two users a batch: a half of one must never be found.
      const said = { show: 'away', text: `${n}`, shownSince: n, idleSince: null, resource: 'r', priority: 0 } as const
      const rest = { ...said, was: 'offline' } as const
      const pair = [user, jid(`twin${n}@example.org`)].map((each) => ({ user: each, ...rest }))
      const batch = await presences.append(pair, n)
      await presences.fold(batch - 100, [batch - 100], () => true)
    } else if (what === 'changes') {
      const said = { show: 'away', text: null, shownSince: n, idleSince: null, resource: 'r', priority: 0 } as const
      const pair = [user, jid(`twin${n}@example.org`)].map((each) => ({ user: each, ...said, was: 'offline' as const }))
      const number = await presences.append(pair, n)
      acknowledged(String(number))
      await presences.fold(number - 50, [number - 50], () => true)
      await presences.prune(number - 100, 0)
      const grant = { user, appid: 'app_x' as AppId, scope: ['status'], paused: false, grantedAt: n } as const
      const { changedIn } = await grants.save({ ...grant, uid: `UID${n}` })
      acknowledged(String(changedIn))
      if (n % 2 === 0) await grants.remove(user, grant.appid)
      continue
    } else if (what === 'rosters') {
      await rosters.save(new Map([[user, '"bob@h":{"name":"Bob","groups":{}}']]))
    } else if (what === 'roster-copies') {
      await rosterCopies.saveCopy(user, { contacts: '"bob@h":{"name":"Bob","groups":{}}', fetchedAt: n })
    } else if (what === 'pushes') {
      await pushes.savePushed(user, '"bob@h":{"name":"Bob","groups":{}}')
    } else if (what === 'sessions') {
      // Each begins before the last one ends, so that there is always one.
      await sessions.save({ id: `s${n}`, user, browser: 'Firefox', address: '::1', createdAt: n, usedAt: n })
      await sessions.remove(`s${n - 1}`)
    } else if (what === 'tokens') {
      await tokens.save({ id: `tok_${n}`, user, name: 'script', createdAt: n }, `h${n}`)
      await tokens.remove(jid(`u${n - 1}@example.org`), `tok_${n - 1}`)
    } else if (what === 'apps') {
      const app = anApp({ appid: `app_${n}` as AppId, name: `App ${n}`, members: [jid('dev@example.org')] })
      await apps.add(app)
      await apps.saveKeys(app.appid, { key: `key ${n}`, old: null, oldUntil: null })
      await apps.saveIcon(app.appid, { type: 'image/png', image: Buffer.alloc(100) })
      if (n % 3 === 2) await apps.save({ ...app, name: 'renamed' })
      if (n % 3 === 0) await apps.remove(app.appid)
    } else if (what === 'grants') {
      // Every second one is taken back, and must not come back.
      const grant = { user, appid: 'app_x' as AppId, scope: ['status'], paused: false, grantedAt: n } as const
      await grants.save({ ...grant, uid: `UID${n}` })
      if (n % 2 === 0) await grants.remove(user, grant.appid)
    } else if (what === 'webhooks') {
      // Two apps a call.
      const state = aWebhookState({ flights: [aFlight({ body: `${n}` })], tries: n })
      const pair = ['app_chess', 'app_radio'].map((appid) => appid as AppId)
      if (n === Number(from)) {
        for (const appid of pair) if (!(await apps.find(appid))) await apps.add(anApp({ appid }))
      }
      await webhooks.save(pair.map((appid) => ({ appid, state, deliveries: [aDelivery({ at: n })] })))
    } else if (what === 'links') {
      await links.save(user, `hash ${n}`)
    } else if (what === 'deletions') {
      await saveEverythingOf(database, user)
      acknowledged(`made ${n}`)
      await accounts.remove(user, `hash ${n}`)
      acknowledged(`gone ${n}`)
      continue
    } else if (what === 'choices') {
      await publications.saveChoice(user, 'details')
    } else {
      await subscriptions.saveSubscription(user, { consent: 'granted', by: 'roster', watchesUs: n % 2 === 0 })
    }
    acknowledged(String(n))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** As the gateway writes: `put N MS`, `stored N` once nothing up to N waits, `chose N`. */
async function everything(): Promise<void> {
  const storage = new Storage(directory, { failed: acknowledged, recovered: () => {} })
  const board = new PresenceBoard(systemClock, { resources: 32, staleAfterMs: 60_000 })
  const writer = new PresenceWriter(board, storage.presences, systemClock, AN_HOUR_OF_CHANGES)
  board.linkUp()
  writer.start()
  for (let n = Number(from); ; n++) {
    board.put(jid(`u${n % 500}@example.org`), 'r', presence({ show: 'away', text: `${n}` }))
    acknowledged(`put ${n} ${Math.round(performance.now())}`)
    if (n % 10 === 0) {
      await storage.publications.saveChoice(jid(`u${n}@example.org`), 'details')
      acknowledged(`chose ${n}`)
    }
    await new Promise((resolve) => setImmediate(resolve))
    if (writer.waiting === 0) acknowledged(`stored ${n}`)
  }
}
