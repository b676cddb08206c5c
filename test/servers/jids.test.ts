import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import * as fc from 'fast-check'
import { parseUserInput } from '../../src/presence/jid.js'
import { startEjabberd } from '../support/ejabberd.js'
import { textByEveryEncoding } from '../support/every-encoding.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { untilJson } from '../support/json-status.js'
import { NamedUsers } from '../support/named-users.js'
import { startProsody } from '../support/prosody.js'
import { RawPathClient } from '../support/raw-path-client.js'
import { UserLink } from '../support/user-link.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { everyName, HOSTS, type Outcome, ROWS, UNFOUND_ACCOUNTS } from './jid-table.js'
import { NASTY_LOCALS } from './nasty-locals.js'

const SPELLINGS = ROWS.map(([, spelling]) => spelling)

/** Lets everybody in, whatever the name and the password. */
const OPEN = {
  Prosody: `authentication = "insecure"
insecure_open_authentication = "Yes please, I know what I'm doing!"`,
  ejabberd: `auth_method: [anonymous]
anonymous_protocol: login_anon
allow_multiple_connections: true
shaper_rules: { max_user_sessions: 1000 }`,
}

for (const name of ['Prosody', 'ejabberd'] as const) {
  describe(`A JID in any of ${ROWS.length} spellings on ${name}`, function () {
    this.timeout(120_000)
    let directory: string
    let server: XmppServer
    let gateway: GatewayProcess
    let users: NamedUsers
    let client: RawPathClient
    let reached: Set<number>[]

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'open-'))
      const include = join(directory, 'open.yml')
      await writeFile(include, OPEN.ejabberd)
      const options = { mode: 'privileged', domains: HOSTS } as const
      server =
        name === 'Prosody'
          ? await startProsody({ ...options, extraConfig: OPEN.Prosody })
          : await startEjabberd({ ...options, includes: [include] })
      gateway = await startGateway({ server })
      users = new NamedUsers(server.c2sPort, 'localhost')
      const everybody = everyName().map((user) => [user, 'localhost'] as const)
      await users.login([...everybody, ...HOSTS.slice(1).map((host) => ['anna', host] as const)])
      await untilGatewayHeardAll('before')
      reached = await users.reachedBy(SPELLINGS)
    })

    after(async () => {
      client?.close()
      users?.close()
      await gateway?.stop()
      await server?.stop()
      await rm(directory, { recursive: true, force: true })
    })

    /** Presences come in the order in which the server dealt with them. */
    async function untilGatewayHeardAll(fence: string): Promise<void> {
      const last = await UserLink.login(server.c2sPort, fence, 'localhost')
      last?.send('<presence><status>fence</status></presence>')
      await untilJson(gateway, `${fence}@localhost`, { text: 'fence', freshness: 'live' })
      last?.close()
      // Whoever came before this link: from the replay or the snapshot.
      for (const host of HOSTS) await untilJson(gateway, `anna@${host}`, { freshness: 'live' })
      client?.close()
      client = new RawPathClient(gateway.url)
    }

    function outcomeOf(row: number, text: string | null): Outcome | string {
      const spelling = String(SPELLINGS[row])
      const meant = reached[row] ?? new Set()
      if (text === null) return meant.size > 0 ? 'missed' : 'nobody'
      const shown = users.links[Number(text)]?.jid ?? text
      if (meant.size > 0) return meant.has(Number(text)) ? 'found' : `somebody else: ${shown}`
      // Only another spelling of the domain may be known to us and not to the server.
      const [, domain = ''] = spelling.split('@')
      const host = shown.slice(0, shown.indexOf('/')).split('@')[1] ?? ''
      const isAlias = spelling.startsWith('anna@') && domainToASCII(domain.replace(/\.$/, '')) === domainToASCII(host)
      return isAlias ? 'alias' : `somebody, though the server knows nobody: ${shown}`
    }

    function assertOutcomes(texts: readonly (string | null)[]): void {
      const surprises = ROWS.flatMap(([what, , onProsody, onEjabberd = onProsody], row) => {
        const expected = name === 'Prosody' ? onProsody : onEjabberd
        const outcome = outcomeOf(row, texts[row] ?? null)
        return outcome === expected ? [] : [`${what}: ${outcome} instead of ${expected}`]
      })
      assert.equal(surprises.join('\n'), '')
    }

    /** Prosody tells the user; ejabberd repeats to her what she wrote, and tells in its API. */
    async function ownJids(links: readonly UserLink[]): Promise<(string | undefined)[]> {
      if (name === 'Prosody') return links.map(({ jid }) => jid)
      const answer = await fetch(`${server.apiUrl}/connected_users_info`, { method: 'POST', body: '{}' })
      const sessions = (await answer.json()) as { jid: string; resource: string }[]
      const own = new Map(sessions.map(({ jid, resource }) => [resource, jid]))
      return links.map(({ jid }) => own.get(jid.slice(jid.indexOf('/') + 1)))
    }

    async function batchTexts(spellings: readonly (string | Buffer)[]): Promise<(string | null)[]> {
      const quote = Buffer.from('"')
      const jids = spellings.flatMap((spelling, i) => [
        Buffer.from(i === 0 ? '' : ','),
        typeof spelling === 'string' ? Buffer.from(JSON.stringify(spelling)) : Buffer.concat([quote, spelling, quote]),
      ])
      const body = Buffer.concat([Buffer.from('{"jids":['), ...jids, Buffer.from(']}')])
      const answer = await client.post('/xmpp/status', body)
      return JSON.parse(answer.body).presences.map(({ text }: { text?: string }) => text ?? null)
    }

    it('shows the very account to which the server delivers, or nobody, in each encoding and format', async () => {
      const texts: (string | null)[] = []
      for (const spelling of SPELLINGS) texts.push(await textByEveryEncoding(client, spelling))
      assertOutcomes(texts)
    })

    it('does so for many at once', async () => {
      assertOutcomes(await batchTexts(SPELLINGS))
    })

    it('reaches nobody else after a restart, when the server tells who is there', async () => {
      await gateway.restart()
      await untilGatewayHeardAll('after')
      assertOutcomes(await batchTexts(SPELLINGS))
    })

    it('finds whoever may log in when it is the server’s own spelling', async () => {
      const accounts = (await ownJids(users.links)).map((jid) => jid?.slice(0, jid.indexOf('/')))
      const asked = [...new Set(accounts)].filter((account) => account !== undefined)
      const texts = await batchTexts(asked)
      for (const [i, text] of texts.entries()) {
        if (text !== null) assert.equal(accounts[Number(text)], asked[i])
      }
      assert.deepEqual(new Set(asked.filter((_, i) => texts[i] === null)), new Set(UNFOUND_ACCOUNTS[name]))
    })

    it('names an account whose choice holds in every other', async () => {
      const chosen = ['strasse', 'ԱՐԱՄ'].map((local) => gateway.run('publish', `${local}@localhost`, 'none'))
      for (const { code, output } of await Promise.all(chosen)) assert.equal(code, 0, output)
      const others = ['strasse', 'STRASSE', 'Strasse', 'straße', 'STRAßE', 'ԱՐԱՄ', 'Արամ', 'արամ']
      const shown = await batchTexts(others.map((local) => `${local}@localhost`))
      assert.deepEqual(shown, Array(others.length).fill(null))
    })

    it('does not leave somebody online under another spelling of her resource', async () => {
      const user = await UserLink.login(server.c2sPort, 'WANDERER', 'localhost', 'Bu\u0308ro\u00ad ﬁrst')
      user?.send('<presence><show>away</show></presence>')
      await untilJson(gateway, 'wanderer@localhost', { show: 'away', freshness: 'live' })
      await gateway.restart()
      await untilJson(gateway, 'wanderer@localhost', { show: 'away', freshness: 'live' })
      user?.send(`<presence type='unavailable'/>`)
      await untilJson(gateway, 'wanderer@localhost', { show: 'offline', freshness: 'live' })
      user?.close()
    })

    it('is looked up under the name by which the server knows whoever logs in with it', async () => {
      await fc.assert(
        fc.asyncProperty(NASTY_LOCALS, async (typed) => {
          const parsed = parseUserInput(`${typed}@localhost`)
          if (parsed.fault !== undefined) return
          const guest = await UserLink.login(server.c2sPort, typed, 'localhost')
          if (!guest) return
          const own = (await ownJids([guest]))[0]
          guest.close()
          assert.equal(own?.slice(0, own.indexOf('/')), parsed.jid)
        }),
        { numRuns: 100 },
      )
    })
  })
}
