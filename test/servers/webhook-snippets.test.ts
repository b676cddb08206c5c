import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Webhook } from 'standardwebhooks'
import { Child } from '../support/child.js'
import { freePorts } from '../support/ports.js'
import { printedSnippet } from '../support/printed-snippet.js'
import { until } from '../support/until.js'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const SNIPPETS = [
  { file: 'webhook.mjs', command: process.execPath },
  { file: 'webhook.py', command: '/usr/bin/python3' },
]

describe('The snippets that are called by webhooks', function () {
  this.timeout(30_000)
  for (const { file, command } of SNIPPETS) {
    it(`take what is signed, once, and nothing else: ${file}`, async () => {
      const [port = 0] = await freePorts(1)
      // Where it finds standardwebhooks.
      const path = fileURLToPath(new URL(file, import.meta.url))
      await writeFile(path, printedSnippet(file, { '3001': String(port) }))
      const said: string[] = []
      const child = new Child(command, [path], {
        env: { ...process.env, WEBHOOK_SECRET: SECRET },
        missing: `${command} is missing`,
        onLine: (line) => said.push(line),
      })
      const call = async (id: string, status: string, secret = SECRET, at = new Date()) => {
        const body = JSON.stringify({ type: 'presence.updated', data: [['UIDa', status, { text: 'é' }]] })
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
          'webhook-signature': `v1,AAAA ${new Webhook(secret).sign(id, at, body)}`,
        }
        return (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })).status
      }
      try {
        await until(
          () => fetch(`http://127.0.0.1:${port}/`, { method: 'POST' }).catch(() => null),
          10_000,
          'its server',
        )
        assert.equal(await call('msg_1', 'away'), 204)
        assert.equal(await call('msg_1', 'away'), 204)
        assert.equal(await call('msg_2', 'offline', `whsec_${Buffer.alloc(32, 8).toString('base64')}`), 401)
        assert.equal(await call('msg_2', 'offline', SECRET, new Date(Date.now() - 600_000)), 401)
        assert.equal(await call('msg_2', 'online'), 204)
        await until(() => said.length >= 2)
        assert.deepEqual(
          said.map((line) => line.split(' ')[1]),
          ['away', 'online'],
        )
      } finally {
        await child.kill()
        await rm(path)
      }
    })
  }
})
