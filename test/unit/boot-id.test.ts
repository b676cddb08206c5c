import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootId } from '../../src/ops/boot-id.js'
import { temporaryDirectory } from './temporary-directory.js'

describe('bootId', () => {
  const directory = temporaryDirectory()

  it('is the same each time, on Linux', () => {
    assert.match(bootId() ?? '', /^[0-9a-f-]{36}$/)
    assert.equal(bootId(), bootId())
  })

  it('is null where there is none', () => {
    const file = join(directory(), 'boot_id')
    assert.equal(bootId(file), null)
    writeFileSync(file, '\n')
    assert.equal(bootId(file), null)
  })
})
