import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { Child } from '../support/child.js'
import { FaultProxy } from '../support/fault-proxy.js'
import { freePorts } from '../support/ports.js'
import { printedSnippet } from '../support/printed-snippet.js'
import { StreamingGateway } from '../support/streaming-gateway.js'
import { until } from '../support/until.js'

const PRINTED = 'https://presence.example.org/app_KqoKbFBfXGBgmmJVQqH7RbGI'
const BACK_WITHIN_MS = 20_000

describe('The page that listens with a ticket', function () {
  this.timeout(60_000)
  let gateway: StreamingGateway
  let proxy: FaultProxy
  let directory: string
  let server: Child
  let browser: Browser
  let url: string

  before(async () => {
    const [port = 0, web = 0] = await freePorts(2)
    gateway = await StreamingGateway.start({ config: { http: { port } } })
    proxy = await FaultProxy.start(port)
    directory = await mkdtemp(join(tmpdir(), 'snippets-'))
    const here = { [PRINTED]: `http://127.0.0.1:${proxy.port}/${gateway.app.appid}` }
    await writeFile(join(directory, 'page.html'), printedSnippet('page.html', here))
    const own = { ...here, '3000': String(web), 'UID3q2-7w8xJ0yqkJm1uVbn5A': gateway.uid(0, 0) }
    await writeFile(join(directory, 'page.mjs'), printedSnippet('page.mjs', own))
    server = new Child(process.execPath, ['page.mjs'], {
      cwd: directory,
      env: { ...process.env, PRESENCE_KEY: gateway.app.key },
      missing: '',
    })
    url = `http://127.0.0.1:${web}/`
    await until(() => fetch(url).catch(() => null), 10_000, 'its server')
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] })
  })
  after(async () => {
    await browser?.close()
    await server?.kill()
    await proxy?.stop()
    await gateway?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  it('shows every change, over a connection that is cut and a gateway that starts again', async () => {
    const page = await browser.newPage()
    const shows = (status: string) =>
      page.getByText(`${gateway.uid(0, 0)} ${status}`).waitFor({ timeout: BACK_WITHIN_MS })
    gateway.say(0, 'away')
    await gateway.taken()
    await page.goto(url)
    await shows('away')
    gateway.say(0, 'dnd')
    await shows('unavailable')
    proxy.mode = { kind: 'refuse' }
    proxy.cut('reset')
    gateway.say(0, 'online')
    await gateway.taken()
    proxy.mode = { kind: 'pass' }
    await shows('online')
    await gateway.gateway.restart()
    await gateway.reconnected()
    gateway.say(0, 'away')
    await shows('away')
  })
})
