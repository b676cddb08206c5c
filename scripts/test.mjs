// npm test: all its own set-up, then mocha with the arguments given.
import { spawn } from 'node:child_process'
import { ROOT, setUp, TEST_PACKAGES } from './setup.mjs'

setUp({ debian: TEST_PACKAGES, cleanBuild: true })

const args = process.argv.slice(2)
const MOCHA = [`${ROOT}node_modules/mocha/bin/mocha.js`, '--fail-zero', ...args]
const OF_COMMANDS = 'build/test/cli/**'
const OF_THE_REST = 'build/test/!(cli)/**'

// Those of the commands mostly wait for processes: beside the others they take no time of their own. Whoever asks for certain
// tests has them in one run.
const runs = args.every((arg) => /^--(no-)?colou?r$/.test(arg))
  ? [
      [['--ignore', OF_COMMANDS], 'inherit'],
      [['--ignore', OF_THE_REST], 'pipe'],
    ]
  : [[[], 'inherit']]

const codes = await Promise.all(runs.map(([ignored, output]) => run(ignored, output)))
process.exitCode = codes.find((code) => code !== 0) ?? 0

/** What is piped is shown when it is whole. */
function run(ignored, output) {
  const mocha = spawn(process.execPath, [...MOCHA, ...ignored], { cwd: ROOT, stdio: ['ignore', output, 'inherit'] })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => mocha.kill(signal))
  let text = ''
  mocha.stdout?.setEncoding('utf8').on('data', (piece) => {
    text += piece
  })
  return new Promise((resolve) => {
    mocha.on('close', (code) => {
      process.stdout.write(text)
      resolve(code ?? 1)
    })
  })
}
