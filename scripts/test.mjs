// npm test: all its own set-up, then mocha with the arguments given.
import { spawn } from 'node:child_process'
import { ROOT, setUp, TEST_PACKAGES } from './setup.mjs'

setUp({ debian: TEST_PACKAGES, cleanBuild: true })

const mocha = spawn(
  process.execPath,
  [`${ROOT}node_modules/mocha/bin/mocha.js`, '--fail-zero', ...process.argv.slice(2)],
  {
    cwd: ROOT,
    stdio: 'inherit',
  },
)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => mocha.kill(signal))
mocha.on('exit', (code) => process.exit(code ?? 1))
