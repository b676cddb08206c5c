import assert from 'node:assert/strict'
import { StorageError } from '../../src/storage/database.js'
import { DirectoryLock } from '../../src/storage/directory-lock.js'
import { temporaryDirectory } from '../unit/temporary-directory.js'
import { WritingProcess } from './contract.js'

describe('DirectoryLock', () => {
  const directory = temporaryDirectory()

  it('is held by one process, and the other is told which', async () => {
    const other = new WritingProcess(directory(), 'lock')
    await other.said(1)
    try {
      assert.equal(DirectoryLock.isHeld(directory()), true)
      const expected = { name: 'StorageError', message: `${directory()} is in use by process ${other.pid}` }
      assert.throws(() => DirectoryLock.acquire(directory(), 1), expected)
    } finally {
      await other.kill()
    }
  })

  it('ends with the process, however that ends', async () => {
    const other = new WritingProcess(directory(), 'lock')
    await other.said(1)
    await other.kill()
    assert.equal(DirectoryLock.isHeld(directory()), false)
    DirectoryLock.acquire(directory(), 1).release()
  })

  it('is held by one in the same process, too, until it is released', () => {
    const lock = DirectoryLock.acquire(directory(), 4711)
    assert.throws(() => DirectoryLock.acquire(directory(), 4712), /in use by process 4711/)
    assert.equal(DirectoryLock.isHeld(directory()), true)
    assert.throws(() => DirectoryLock.acquire(directory(), 4712), /in use by process 4711/)
    lock.release()
    assert.equal(DirectoryLock.isHeld(directory()), false)
    DirectoryLock.acquire(directory(), 4712).release()
  })

  it('makes the directory, and is not held where there is none', () => {
    assert.equal(DirectoryLock.isHeld(`${directory()}/none`), false)
    DirectoryLock.acquire(`${directory()}/a/b`, 1).release()
  })

  it('says what is wrong with a directory that cannot be used', () => {
    assert.throws(() => DirectoryLock.acquire('/dev/null/x', 1), StorageError)
  })
})
