// npm test: all its own set-up, then mocha with the arguments given.
import { spawn } from 'node:child_process'
import { ROOT, setUp, TEST_PACKAGES } from './setup.mjs'

setUp({ debian: TEST_PACKAGES, cleanBuild: true })

const args = process.argv.slice(2)
const MOCHA = [`${ROOT}node_modules/mocha/bin/mocha.js`, '--fail-zero', ...args]
// Those of the commands and of real servers mostly wait: beside the others they take no time of their own. Whoever asks for
// certain tests has them in one run.
const APART = ['build/test/cli/**', 'build/test/servers/**']
const runs = args.every((arg) => /^--(no-)?colou?r$/.test(arg))
  ? [
      [ignoring(APART), 'inherit'],
      ...APART.map((folder) => [ignoring([folder.replace(/(\w+)\/\*\*$/, '!($1)/**')]), 'pipe']),
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

function ignoring(folders) {
  return folders.flatMap((folder) => ['--ignore', folder])
}
