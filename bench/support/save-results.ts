import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { REPOSITORY } from '../../test/support/repository.js'
import type { Figure } from './figure.js'
import { isMet } from './is-met.js'

const FOLDER = `${REPOSITORY}bench/results`

/**
 * Writes them to bench/results/<day>-<commit>.json, beside what other benches found on that day at that commit. Returns
 * the file. `loadBefore`: the load average when they began; above a few tenths others were at work, too.
 */
export function saveResults(benches: Record<string, readonly Figure[]>, loadBefore: number): string {
  const commit = git('rev-parse', '--short', 'HEAD')
  const changed = git('status', '--porcelain', '--', 'src', 'bench/**.ts', 'package-lock.json') !== ''
  const file = `${FOLDER}/${new Date().toISOString().slice(0, 10)}-${commit}${changed ? '-changed' : ''}.json`
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}`
  const earlier = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).benches : {}
  const judged = Object.entries(benches).map(([name, figures]) => [
    name,
    { loadBefore, figures: figures.map((figure) => ({ ...figure, met: isMet(figure) })) },
  ])
  const results = {
    commit,
    changed,
    node: process.version,
    machine,
    benches: { ...earlier, ...Object.fromEntries(judged) },
  }
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  return file
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: REPOSITORY, encoding: 'utf8' }).trim()
}
