import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child } from '../support/child.js'
import { FaultProxy } from '../support/fault-proxy.js'
import { freePorts } from '../support/ports.js'
import { printedSnippet } from '../support/printed-snippet.js'
import { StreamingGateway } from '../support/streaming-gateway.js'
import { until } from '../support/until.js'

const PRINTED = 'https://presence.example.org/app_KqoKbFBfXGBgmmJVQqH7RbGI'
const SNIPPETS = [
  { file: 'stream.mjs', command: process.execPath },
  { file: 'stream.py', command: '/usr/bin/python3' },
  { file: 'stream.sh', command: 'bash' },
]
const BACK_WITHIN_MS = 20_000

describe('The snippets that listen to a stream', function () {
  this.timeout(90_000)
  let gateway: StreamingGateway
  let proxy: FaultProxy
  let directory: string
  const running: Child[] = []

  before(async () => {
    const [port = 0] = await freePorts(1)
    gateway = await StreamingGateway.start({ scope: ['status', 'details'], config: { http: { port } } })
    proxy = await FaultProxy.start(port)
    directory = await mkdtemp(join(tmpdir(), 'snippets-'))
  })
  after(async () => {
    // The curl of a shell that is gone goes on as long as its connection does.
    await Promise.all([...running.map((child) => child.kill()), proxy?.stop()])
    await gateway?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  async function run({ file, command }: (typeof SNIPPETS)[number], key: string) {
    const here = { [PRINTED]: `http://127.0.0.1:${proxy.port}/${gateway.app.appid}` }
    await writeFile(join(directory, file), printedSnippet(file, here))
    /** The numbers that her texts had. */
    const heard: number[] = []
    const child = new Child(command, [file], {
      cwd: directory,
      env: { ...process.env, PRESENCE_KEY: key },
      missing: `${command} is missing`,
      onLine: (line) => {
        for (const [, n] of line.matchAll(/change (\d+)/g)) heard.push(Number(n))
      },
    })
    running.push(child)
    return { child, heard }
  }

  async function say(n: number): Promise<void> {
    gateway.say(0, n % 2 ? 'away' : 'dnd', `change ${n}`)
    await gateway.logged()
  }

  it('print every change once, in order, over a connection that is cut and a gateway that starts again', async () => {
    await say(0)
    const listeners = await Promise.all(SNIPPETS.map((snippet) => run(snippet, gateway.app.key)))
    const allHave = (n: number) =>
      Promise.all(
        listeners.map(({ child, heard }) =>
          until(
            () => {
              child.assertRunning()
              return heard.includes(n) || assert.fail(`${heard}; ${child.output.slice(-500)}`)
            },
            BACK_WITHIN_MS,
            `change ${n}`,
          ),
        ),
      )
    await allHave(0)
    await say(1)
    await allHave(1)
    proxy.mode = { kind: 'refuse' }
    proxy.cut('reset')
    for (const n of [2, 3, 4]) await say(n)
    proxy.mode = { kind: 'pass' }
    await allHave(4)
    await gateway.gateway.restart()
    await gateway.reconnected()
    for (const n of [5, 6]) await say(n)
    await allHave(6)
    for (const { heard } of listeners) assert.deepEqual(heard, [0, 1, 2, 3, 4, 5, 6])
  })

  for (const snippet of SNIPPETS) {
    it(`end where the key is another: ${snippet.file}`, async () => {
      await rm(join(directory, 'cursor'), { force: true })
      const { child } = await run(snippet, 'another')
      const { code } = await child.exited
      assert.equal(code, 1)
      assert.match(child.output, /not its key/)
    })
  }
})
