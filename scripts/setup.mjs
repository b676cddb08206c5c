// Set-up shared by the quickstart, the tests and CI. It runs before `npm ci`, so it has no dependencies.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
export const PROSODY_PACKAGES = ['prosody', 'prosody-modules', 'lua-unbound']
const COMPILER_PACKAGES = ['g++', 'make', 'python3']
// What docs/app-developers.md says in Python is tried.
const PYTHON_PACKAGES = ['python3', 'python3-jwt', 'python3-cryptography']
export const TEST_PACKAGES = [...PROSODY_PACKAGES, 'ejabberd', 'chromium', 'slowhttptest', 'strace', ...PYTHON_PACKAGES]

const OLDEST_NODE = [20, 19]
const POLICY = '/usr/sbin/policy-rc.d'

class CommandFailed extends Error {}

/** Everything from a bare checkout to a fresh build; ends the process where it cannot. */
export function setUp({ debian, cleanBuild = false }) {
  checkNode()
  try {
    installDebianPackages(debian)
    installNodePackages()
    build(cleanBuild)
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    console.error(error.message)
    process.exit(1)
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return
  giveUp(`Node ${OLDEST_NODE.join('.')} or newer is needed; this is ${process.version}.`)
}

function installDebianPackages(wanted) {
  const missing = missingDebianPackages(wanted)
  if (missing.length === 0) return
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing]
  if (process.getuid() !== 0) giveUp(`Run this first: sudo ${install.join(' ')}`)
  console.log(`Installing from Debian: ${missing.join(' ')}`)
  withoutStartingServices(() => {
    for (const command of [
      ['apt-get', 'update', '-qq'],
      [...install, '-qq'],
    ]) {
      run(command, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
    }
  })
}

function missingDebianPackages(wanted) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own syntax
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...wanted], {
    encoding: 'utf8',
  })
  if (query.error) giveUp(`This sets itself up on Debian only; it needs what Debian calls ${wanted.join(', ')}.`)
  const installed = new Set(query.stdout.split('\n').filter((line) => line.endsWith(' installed')))
  return wanted.filter((name) => !installed.has(`${name} installed`))
}

/** Debian starts a server once it is installed; ours shall run on our ports only. */
function withoutStartingServices(action) {
  const saved = existsSync(POLICY) ? `${POLICY}.presence-gateway` : undefined
  const wait = () => {} // Ctrl-C reaches apt-get, too; what was changed is put back after it.
  process.on('SIGINT', wait).on('SIGTERM', wait)
  if (saved) renameSync(POLICY, saved)
  try {
    writeFileSync(POLICY, '#!/bin/sh\nexit 101\n')
    chmodSync(POLICY, 0o755)
    action()
  } finally {
    rmSync(POLICY, { force: true })
    if (saved) renameSync(saved, POLICY)
    process.off('SIGINT', wait).off('SIGTERM', wait)
  }
}

function installNodePackages() {
  const installed = `${ROOT}node_modules/.package-lock.json`
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${ROOT}package-lock.json`).mtimeMs) return
  console.log('Installing the npm packages: npm ci')
  const install = ['npm', 'ci', '--no-audit', '--no-fund']
  try {
    run(install)
  } catch (error) {
    // Where better-sqlite3's prebuilt binary cannot be downloaded it is compiled.
    if (missingDebianPackages(COMPILER_PACKAGES).length === 0) throw error
    installDebianPackages(COMPILER_PACKAGES)
    run(install)
  }
}

function build(clean) {
  if (clean) rmSync(`${ROOT}build`, { recursive: true, force: true })
  run(['npm', 'run', '--silent', 'build'])
}

function run([command, ...args], options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', ...options })
  if (status !== 0) throw new CommandFailed(`${command} ${args.join(' ')}: ${error?.message ?? `exit code ${status}`}`)
}

function giveUp(line) {
  console.error(line)
  process.exit(2)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setUp({ debian: TEST_PACKAGES })
