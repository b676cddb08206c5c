import assert from 'node:assert/strict'
import { ApiClient } from '../support/api-client.js'
import { AppSite } from '../support/app-site.js'
import { Child } from '../support/child.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { freePorts } from '../support/ports.js'
import { signedIn } from '../support/signed-in.js'
import { until } from '../support/until.js'

const ANSWER = /"HTTP\/1\.1 (\d+)/
const SYNC = /f(?:data)?sync\(\d+/

/** kill -9 takes nothing from the operating system's own memory: only what it is asked tells what survives a power cut. */
describe('What is answered', function () {
  this.timeout(60_000)
  let site: AppSite
  let gateway: GatewayProcess
  let strace: Child
  let publicUrl: string
  let alice: ApiClient
  let session: string

  before(async () => {
    site = await AppSite.start()
    const [port = 0, nobodysPort = 0] = await freePorts(2)
    publicUrl = `http://localhost:${port}`
    gateway = await GatewayProcess.prepare({
      config: {
        http: { port, publicUrl },
        xmpp: { secret: 'x', service: `xmpp://127.0.0.1:${nobodysPort}` },
        outbound: { allowPrivate: ['127.0.0.0/8'] },
      },
    })
    session = (await signedIn(gateway, 'alice@localhost')).session
    await gateway.start()
    alice = new ApiClient(publicUrl, { Origin: publicUrl, Cookie: `session=${session}` })
    strace = new Child(
      'strace',
      ['-f', '-s', '16', '-e', 'trace=fsync,fdatasync,write,writev', '-p', String(gateway.pid)],
      { missing: 'strace is not installed: apt-get install -y --no-install-recommends strace' },
    )
    await until(() => {
      strace.assertRunning()
      return strace.output.includes('attached')
    })
  })

  after(async () => {
    await strace?.kill()
    await gateway?.stop()
    await site?.stop()
  })

  /** What the gateway did until it answered. */
  async function traced<T>(ask: () => Promise<T>): Promise<{ answer: T; synced: boolean }> {
    const begin = strace.output.length
    const answer = await ask()
    await until(() => ANSWER.test(strace.output.slice(begin)))
    const [before = ''] = strace.output.slice(begin).split(ANSWER)
    return { answer, synced: SYNC.test(before) }
  }

  it('is on the disk before, whatever was written, and nothing is written for who only reads', async () => {
    const unsynced: string[] = []
    const write = async (method: string, path: string, json?: object) => {
      const { answer, synced } = await traced(() => alice.ask(method, path, json))
      assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`)
      if (!synced) unsynced.push(`${method} ${path}`)
      return answer.json
    }
    const { appid, proof } = await write('POST', '/api/apps', { domain: site.domain, name: 'X', description: 'Y' })
    site.files.set('/__presence', proof.key)
    const app = `/api/apps/${appid}`
    await write('POST', `${app}/verify`)
    await write('POST', `${app}/activate`)
    await write('POST', `${app}/rotate`)
    await write('PATCH', app, { name: 'Z' })
    await write('POST', `${app}/members`, { jid: 'bob@localhost' })
    await write('DELETE', `${app}/members/bob@localhost`)
    await write('PUT', `${app}/webhook`, { url: `http://${site.domain}/hook` })
    await write('POST', `${app}/webhook/rotate`)
    await write('PUT', '/api/me', { publish: 'details' })
    await write('POST', '/api/me/link')
    const token = await write('POST', '/api/tokens', { name: 'script' })
    await write('DELETE', `/api/tokens/${token.id}`)

    const question = `/${appid}/grant?redirect=${encodeURIComponent(`http://${site.domain}/`)}`
    const page = await alice.ask('GET', question, undefined, { Accept: 'text/html' })
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? ''
    const { answer, synced } = await traced(() =>
      fetch(publicUrl + question, {
        method: 'POST',
        redirect: 'manual',
        headers: { Origin: publicUrl, Cookie: `session=${session}` },
        body: new URLSearchParams({ csrf, answer: 'allow' }),
      }),
    )
    assert.equal(answer.status, 303)
    assert.match(answer.headers.get('Presence-UID') ?? '', /^UID/)
    if (!synced) unsynced.push('allow')

    await write('PATCH', `/api/me/grants/${appid}`, { paused: true })
    await write('DELETE', `/api/me/grants/${appid}`)
    await write('POST', `${app}/deactivate`)
    assert.equal((await traced(() => alice.ask('GET', '/api/me'))).synced, false)
    assert.equal((await traced(() => alice.ask('GET', '/api/apps'))).synced, false)
    await write('DELETE', app)
    await write('DELETE', '/api/me')
    assert.deepEqual(unsynced, [])
  })
})
