import assert from 'node:assert/strict'
import { ComponentLock } from '../../src/xmpp/component-lock.js'
import { freePorts } from '../support/ports.js'

describe('ComponentLock', () => {
  it('is one for all spellings of this machine, and one for each component', async () => {
    const [port = 0] = await freePorts(1)
    const first = await ComponentLock.acquire(`xmpp://127.0.0.1:${port}`, 'a.example', 4711)
    for (const host of ['localhost', 'LOCALHOST', '[::1]', '127.0.0.2']) {
      await assert.rejects(
        ComponentLock.acquire(`xmpp://${host}:${port}`, 'a.example', 1),
        /process 4711 is the component/,
      )
    }
    const other = await ComponentLock.acquire(`xmpp://127.0.0.1:${port}`, 'b.example', 4711)
    first.release()
    other.release()
    const again = await ComponentLock.acquire(`xmpp://localhost:${port}`, 'a.example', 4712)
    again.release()
  })
})
