// npm run quickstart [-- --smoke]: Prosody, two users and the gateway, all on this machine, until Ctrl-C.
// --smoke: ends with exit code 0 once the gateway has answered, and its stream has told of both.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { PROSODY_PACKAGES, ROOT, setUp } from './setup.mjs'

const DIRECTORY = `${ROOT}.quickstart`
const PROSODY_CONFIG = `${DIRECTORY}/prosody.cfg.lua`
const GATEWAY_CONFIG = `${DIRECTORY}/gateway.yaml`
const PID_FILE = `${DIRECTORY}/pid`
const APP_FILE = `${DIRECTORY}/demo-app.json`
const KEY_FILE = `${DIRECTORY}/demo-app.key`
const DOMAIN = 'localhost'
const COMPONENT = 'presence.localhost'
const PATIENCE_MS = 60_000

const smoke = process.argv.includes('--smoke')
const starter = whoStartedThis()
const children = []
let ending

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(0))

refuseSecondOne()
setUp({ debian: PROSODY_PACKAGES })
rmSync(DIRECTORY, { recursive: true, force: true })
mkdirSync(DIRECTORY, { mode: 0o700 })
writeFileSync(PID_FILE, `${process.pid}`)

// A killed shell or npm does not always pass its signal on.
setInterval(() => {
  if (whoStartedThis() !== starter) end(0)
}, 1_000)

const password = randomBytes(12).toString('hex')
const secret = randomBytes(24).toString('hex')
const [c2sPort, componentPort, httpPort, opsPort] = await findPorts([0, 0, 8080, 9090])
const url = `http://localhost:${httpPort}`

writeConfigs()
await startProsody()
start('demo users', process.execPath, [`${ROOT}scripts/demo-users.mjs`], {
  env: {
    ...process.env,
    DEMO_SERVICE: `xmpp://127.0.0.1:${c2sPort}`,
    DEMO_DOMAIN: DOMAIN,
    DEMO_PASSWORD: password,
    DEMO_GATEWAY: url,
    DEMO_APP_FILE: APP_FILE,
  },
  show: true,
})
start('gateway', process.execPath, [`${ROOT}build/src/main.js`, 'start', '--config', GATEWAY_CONFIG])

const statusUrl = `${url}/xmpp/status/alice@${DOMAIN}`
await until('the gateway to tell about alice', async () => {
  const response = await fetch(statusUrl)
  return response.ok && (await response.text()).includes('<show>away</show>')
})
const answer = await curl(statusUrl)
let app
await until('the demo app to be let in', async () => {
  app = JSON.parse(readFileSync(APP_FILE, 'utf8'))
  return true
})
// curl reads the header from a file, so nobody has to copy 1,024 characters.
writeFileSync(KEY_FILE, `Authorization: Bearer ${app.key}\n`, { mode: 0o600 })
const snapshot = await firstLines(app.stream)

console.log(`
Up and running. Ask who is there:

  curl ${statusUrl}
  ${answer}

  as JSON   curl ${statusUrl}.json
  bob       curl ${url}/xmpp/status/bob@${DOMAIN}
  metrics   curl http://127.0.0.1:${opsPort}/metrics

Hear what changes, as an app does that alice and bob have let see them; it goes on until you end it:

  curl -N -H '@${KEY_FILE}' ${app.stream}
  ${snapshot.join('\n  ')}

Do it yourself:

  Your account      ${url}/account   (sign in as alice@${DOMAIN} or bob@${DOMAIN})
  Your apps         ${url}/myapps

  The code to sign in with comes by XMPP; what alice and bob are sent is shown here, too.
  Log in with an XMPP client at 127.0.0.1 port ${c2sPort} (no TLS), as alice@${DOMAIN} or bob@${DOMAIN}, password ${password}.
  Configuration and logs are in .quickstart/.
`)
if (smoke) {
  const right =
    answer.includes(`from="alice@${DOMAIN}"`) &&
    answer.includes('<show>away</show>') &&
    ['alice', 'bob'].every((user) => snapshot[0].includes(`"jid":"${user}@${DOMAIN}"`))
  if (!right) console.error('That is not what it should answer.')
  await end(right ? 0 : 1)
}
console.log('Ctrl-C ends all of it.')

/** npm starts its scripts by a shell that outlives it, so there the shell's parent counts, too. */
function whoStartedThis() {
  const parent = process.ppid
  if (!process.env.npm_lifecycle_event) return `${parent}`
  try {
    return `${parent} ${/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${parent}/status`, 'utf8'))?.[1]}`
  } catch {
    return `${parent}`
  }
}

function refuseSecondOne() {
  let pid
  try {
    pid = readFileSync(PID_FILE, 'utf8')
    // Ids are given out again: another program may have it by now.
    if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('quickstart.mjs')) return
  } catch {
    return
  }
  console.error(`A quickstart is running already, as process ${pid}.`)
  process.exit(1)
}

function writeConfigs() {
  // Everything that an administrator would have anyway; what the gateway needs is in the included file.
  const prosody = `
run_as_root = ${process.getuid() === 0}
pidfile = "${DIRECTORY}/prosody.pid"
data_path = "${DIRECTORY}/prosody"
certificates = "${DIRECTORY}/certs"
log = { info = "*console" }
interfaces = { "127.0.0.1" }
component_interfaces = { "127.0.0.1" }
c2s_ports = { ${c2sPort} }
component_ports = { ${componentPort} }
s2s_ports = {}
modules_enabled = { "roster", "saslauth", "disco", "ping", "blocklist", "version", "time" }
modules_disabled = { "s2s" }
authentication = "internal_hashed"
c2s_require_encryption = false

VirtualHost "${DOMAIN}"

Include "${ROOT}prosody/privileged.cfg.lua"
`
  // JSON is YAML.
  const gateway = {
    http: { port: httpPort, publicUrl: url },
    ops: { listen: `127.0.0.1:${opsPort}` },
    xmpp: { service: `xmpp://127.0.0.1:${componentPort}`, domain: COMPONENT, secret },
    domains: { [DOMAIN]: { publish: 'details' } },
    // So that an app on this very machine can be proven, as 127.0.0.1:PORT.
    outbound: { allowPrivate: ['127.0.0.0/8', '::1/128'] },
    storage: { directory: `${DIRECTORY}/data` },
  }
  mkdirSync(`${DIRECTORY}/certs`)
  writeFileSync(PROSODY_CONFIG, prosody)
  writeFileSync(GATEWAY_CONFIG, `${JSON.stringify(gateway, null, 2)}\n`, { mode: 0o600 })
}

async function startProsody() {
  const env = { ...process.env, PRESENCE_DOMAINS: DOMAIN, GATEWAY_XMPP_DOMAIN: COMPONENT, GATEWAY_XMPP_SECRET: secret }
  for (const user of ['alice', 'bob']) {
    const args = ['--config', PROSODY_CONFIG, 'register', user, DOMAIN, password]
    const { status, stdout, stderr } = spawnSync('prosodyctl', args, { env, encoding: 'utf8' })
    if (status !== 0) await fail(`prosodyctl could not register ${user}: ${stdout}${stderr}`)
  }
  start('Prosody', 'prosody', ['--config', PROSODY_CONFIG, '-F'], { env })
  await until('Prosody to listen', async () => (await accepts(c2sPort)) && (await accepts(componentPort)))
}

function start(title, command, args, { env = process.env, show = false } = {}) {
  // Its own group: Ctrl-C reaches this script alone, which ends them in order. --pdeathsig: not even kill -9 of
  // this script leaves one behind.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', command, ...args], {
    cwd: ROOT,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = []
  const file = `${DIRECTORY}/${title.replace(' ', '-').toLowerCase()}.log`
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      log.push(text)
      if (log.length > 50) log.shift()
      writeFileSync(file, text, { flag: 'a' })
      if (show && !ending) process.stdout.write(text)
    })
  }
  const closed = once(child, 'close').catch((error) => log.push(error.message))
  children.push({ child, closed })
  closed.then(() => {
    if (!ending) fail(`${title} has ended (${child.exitCode ?? child.signalCode}). Its last words:\n${log.join('')}`)
  })
}

async function until(what, attempt) {
  const deadline = Date.now() + PATIENCE_MS
  while (!ending) {
    if (await attempt().catch(() => false)) return
    if (Date.now() > deadline) await fail(`Waited ${PATIENCE_MS / 1_000} s for ${what}; see the logs in .quickstart/.`)
    await sleep(50)
  }
  await ending
}

async function curl(address) {
  const { status, stdout } = spawnSync('curl', ['-sS', address], { encoding: 'utf8' })
  return status === 0 ? stdout : (await fetch(address)).text()
}

/** Of a stream that has no end: what it says until it is `ready`. */
async function firstLines(stream) {
  const hearing = new AbortController()
  const { body } = await fetch(stream, { headers: { Authorization: `Bearer ${app.key}` }, signal: hearing.signal })
  let text = ''
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part
    if (text.includes('"ready"') && text.endsWith('\n')) break
  }
  hearing.abort()
  return text.trim().split('\n')
}

/** The wanted ports, or others where they are taken; 0: any. */
async function findPorts(wanted) {
  const servers = []
  for (const port of wanted) {
    servers.push(await listen(port).catch(() => listen(0)))
  }
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

async function accepts(port) {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } finally {
    socket.destroy()
  }
}

async function listen(port) {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function fail(message) {
  if (!ending) console.error(message)
  await end(1)
}

/** Ends everything that was started, the last one first, and then this process. */
function end(code) {
  ending ??= (async () => {
    for (const { child, closed } of children.toReversed()) {
      child.kill('SIGTERM')
      const insist = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await closed
      clearTimeout(insist)
    }
    rmSync(PID_FILE, { force: true })
    process.exit(code)
  })()
  return ending
}
