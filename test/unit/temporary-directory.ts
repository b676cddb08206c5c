import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of one test's own, gone after it. Called in a `describe`. */
export function temporaryDirectory(): () => string {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'presence-unit-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))
  return () => directory
}
