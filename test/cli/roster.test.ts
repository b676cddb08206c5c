import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { formatOf, joinGroups, readRosterFile, splitGroups } from '../../src/cli/roster-file.js'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { cli } from './cli.js'

const ROSTERS = {
  'alice@localhost': { 'bob@localhost': { name: 'Bob; "the" Builder, Ltd.', groups: { 'A;B': true, 'C\\D': true } } },
  'bob@localhost': { 'alice@localhost': { groups: {} }, 'irc.example': { name: 'IRC', groups: { Rooms: true } } },
  'zoë@localhost': { 'alice@localhost': { name: 'Älice 😀', groups: {} } },
}
const CSV = `user,contact,name,groups
alice@localhost,bob@localhost,"Bob; ""the"" Builder, Ltd.",A\\;B;C\\\\D
bob@localhost,alice@localhost,,
bob@localhost,irc.example,IRC,Rooms
zoë@localhost,alice@localhost,Älice 😀,
`

describe('presence-gateway roster', function () {
  this.timeout(60_000)
  const directory = temporaryDirectory()
  let gateway: GatewayProcess
  beforeEach(async () => {
    gateway = await startGateway({
      config: {
        xmpp: { service: 'xmpp://127.0.0.1:3', domain: 'presence.localhost', secret: 'x' },
        domains: {
          localhost: {},
          'second.example': {},
          'theirs.example': { roster: { upstream: 'http://127.0.0.1:1/%s' } },
        },
      },
    })
  })
  afterEach(() => gateway.stop())

  async function file(name: string, text: string): Promise<string> {
    const path = join(directory(), name)
    await writeFile(path, text)
    return path
  }
  const importing = async (name: string, text: string, ...more: string[]) =>
    gateway.run('roster', 'import', await file(name, text), ...more)
  const exported = async (...more: string[]) => (await gateway.run('roster', 'export', ...more)).output
  const kept = async () => JSON.parse(await exported())

  for (const [how, name, text] of [
    ['JSON on one line', 'r.json', JSON.stringify(ROSTERS)],
    ['JSON on many lines', 'r.json', JSON.stringify(ROSTERS, null, 2)],
    ['JSON without an end of line anywhere it matters', 'r.json', `\n${JSON.stringify(ROSTERS)}\n`],
    ['CSV', 'r.csv', CSV],
    ['CSV with other ends of lines, a mark in front and blanks', 'r.csv', `\ufeff${CSV.replaceAll('\n', ' \r\n')}\r\n`],
  ] as const) {
    it(`takes over ${how}, and gives back the same`, async () => {
      const { code, output } = await importing(name, text)
      assert.deepEqual([code, output], [0, '3 rosters with 4 contacts taken over\n'])
      assert.deepEqual(await kept(), ROSTERS)
      assert.equal(await exported('--format', 'csv'), CSV)
      // What it wrote it reads.
      const json = await exported()
      await importing('again.json', json, '--replace')
      assert.equal(await exported(), json)
    })
  }

  it('adds to what is there, and with --replace puts it in its place', async () => {
    await importing('r.json', JSON.stringify(ROSTERS))
    const more = { 'alice@localhost': { 'carol@localhost': { name: 'Carol', groups: {} } } }
    await importing('more.json', JSON.stringify(more))
    assert.deepEqual(await kept(), {
      ...ROSTERS,
      'alice@localhost': { ...ROSTERS['alice@localhost'], ...more['alice@localhost'] },
    })
    await importing('more.json', JSON.stringify(more), '--replace')
    assert.deepEqual(await kept(), { ...ROSTERS, ...more })
  })

  it('puts together what a file says of one user in many places', async () => {
    const rows = ['user,contact', 'a@localhost,x@y', 'b@localhost,x@y', 'a@localhost,z@y']
    await importing('r.csv', rows.join('\n'), '--replace')
    assert.deepEqual(Object.keys((await kept())['a@localhost']), ['x@y', 'z@y'])
  })

  it('leaves out what is no contact, says which and in what line, and takes over the rest', async () => {
    const rows = [
      'user,contact,name',
      'alice@localhost,bob@localhost/phone,Bob',
      'alice@localhost,carol@localhost,Carol',
      'alice@localhost,Alice@localhost,Me',
    ]
    rows.push('nobody,x@y,', 'dora@nowhere.example,x@y,', 'eve@theirs.example,x@y,')
    const { code, output } = await importing('r.csv', rows.join('\n'))
    assert.equal(code, 1)
    assert.equal(
      output,
      [
        'presence-gateway: line 2: alice@localhost, bob@localhost/phone is no JID of a contact: left out',
        'presence-gateway: line 2: alice@localhost, Alice@localhost is the user herself: left out',
        "presence-gateway: line 5: nobody is no user's JID: left out",
        'presence-gateway: line 6: dora@nowhere.example nowhere.example is not among the configured domains: left out',
        'presence-gateway: line 7: eve@theirs.example the rosters of theirs.example come from its upstream: left out',
        '1 roster with 1 contact taken over',
        '',
      ].join('\n'),
    )
    assert.deepEqual(await kept(), { 'alice@localhost': { 'carol@localhost': { name: 'Carol', groups: {} } } })
  })

  for (const [name, text, why] of [
    ['r.json', '[]', 'it must be an object of rosters by user'],
    ['r.json', '{"a@localhost": ', 'it is not JSON'],
    ['r.json', '{\n"a@localhost":{},\n"b@localhost":{},\nnonsense\n}', 'line 4 is no "user": {…}'],
    ['r.csv', 'a,b\n1,2', 'the first line names no column user: user,contact,name,groups'],
    ['r.csv', 'user,contact\na@localhost,"x', 'Quote Not Closed'],
    ['r.csv', 'user,contact\na@localhost,x@y,too,many', 'Invalid Record Length'],
  ] as const) {
    it(`says what is wrong with ${JSON.stringify(text)}`, async () => {
      const { code, output } = await importing(name, text)
      assert.equal(code, 1)
      assert(output.includes(why), output)
    })
  }

  it('says what is missing', async () => {
    for (const [args, code, said] of [
      [['import'], 2, 'roster takes import FILE, or export'],
      [['import', 'rosters.txt'], 2, '"rosters.txt" is neither .json nor .csv: say which by --format'],
      [['import', join(directory(), 'none.json')], 1, 'there is no file '],
      [['export', '--format', 'xml'], 2, '--format is json or csv'],
      [['export', '--domain', 'nowhere.example'], 1, 'nowhere.example is not among the configured domains'],
    ] as const) {
      const outcome = await gateway.run('roster', ...args)
      assert.equal(outcome.code, code)
      assert(outcome.output.includes(said), outcome.output)
    }
  })

  it('takes over and gives back more than fits into one call', async () => {
    const rosters: Record<string, object> = {}
    const contacts = Object.fromEntries(
      Array.from({ length: 60 }, (_, n) => [
        `contact${n}@localhost`,
        { name: `Contact ${n}`, groups: { Friends: true } },
      ]),
    )
    for (let n = 0; n < 1200; n++) rosters[`user${String(n).padStart(4, '0')}@localhost`] = contacts
    const { output } = await importing('many.json', JSON.stringify(rosters))
    assert.equal(output, '1,200 rosters with 72,000 contacts taken over\n')
    const { lines } = await cli(['roster', 'export', '--config', gateway.configFile])
    assert.deepEqual(JSON.parse(lines.join('\n')), rosters)
  })
})

describe('a file of rosters', () => {
  const directory = temporaryDirectory()

  it('is of the format that its name ends in', () => {
    assert.deepEqual(['a.json', 'A.JSON', 'b.csv', 'c.txt', 'csv'].map(formatOf), ['json', 'json', 'csv', null, null])
  })

  it('has groups in one field, whatever is in their names', () => {
    const group = fc.string({ minLength: 1, unit: 'grapheme' }).filter((name) => name === name.trim() && name !== '')
    fc.assert(
      fc.property(fc.array(group), (groups) => {
        assert.deepEqual(splitGroups(joinGroups(groups)), groups)
      }),
    )
  })

  it('is read with nothing but errors for the admin, whatever is in it', async () => {
    const path = join(directory(), 'rosters')
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('{', '}', '\n', ',', '"', '"a@h":{}', 'user,contact\n', 'a@h,b@h\n', '\\', '[', '\u0000'),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece), fc.constantFrom('json', 'csv'), async (pieces, format) => {
        await writeFile(path, pieces.join(''))
        try {
          for await (const roster of readRosterFile(path, format as 'json', () => {})) {
            assert.equal(typeof (roster.user ?? ''), 'string')
          }
        } catch (error) {
          assert.equal((error as Error).name, 'RosterFileError', String((error as Error).stack))
        }
      }),
      { numRuns: 300 },
    )
  })
})
