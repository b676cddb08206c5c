// The yardstick for webhooks: signed requests one after the other, with nothing stored and nobody's address looked at.
import { Webhook } from 'standardwebhooks'
import { Client } from 'undici'
import { answerCalls } from '../support/answer-calls.js'

answerCalls({
  /** How many a second. */
  async post({ port, body, seconds }: { port: number; body: string; seconds: number }): Promise<number> {
    const client = new Client(`http://127.0.0.1:${port}`)
    const webhook = new Webhook(Buffer.alloc(32).toString('base64'))
    const begin = performance.now()
    let count = 0
    while (performance.now() - begin < seconds * 1000) {
      const id = `msg_${count++}`
      const now = new Date()
      const answer = await client.request({
        method: 'POST',
        path: '/hook',
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
          'webhook-signature': webhook.sign(id, now, body),
        },
        body,
      })
      await answer.body.dump()
    }
    const perSecond = count / ((performance.now() - begin) / 1000)
    await client.close()
    return perSecond
  },
})
