import assert from 'node:assert/strict'
import type { Element } from '@xmpp/component'
import { AppNotices } from '../../src/xmpp/app-notices.js'
import { anApp } from './an-app.js'
import { jid } from './users.js'

const APP = anApp({
  name: 'Chess',
  domain: 'chess.example',
  members: [jid('alice@h'), jid('bob@xn--bcher-kva.example')],
})

describe('Notices to the members of an app', () => {
  let online: boolean
  let sent: Element[]
  let notices: AppNotices
  beforeEach(() => {
    online = true
    sent = []
    const link = {
      get online() {
        return online
      },
      send: (stanza: Element) => void sent.push(stanza),
    }
    notices = new AppNotices(link, {
      publicUrl: 'https://presence.example',
      address: (user) => user.replace('xn--bcher-kva', 'bücher'),
    })
  })

  it('tell each, at the address as her server writes it, why its webhook is off and where to turn it on', () => {
    assert.equal(notices.webhookOff(APP, 'gone'), true)
    assert.deepEqual(
      sent.map(({ attrs }) => attrs.to),
      ['alice@h', 'bob@bücher.example'],
    )
    assert.equal(
      sent[0]?.getChildText('body'),
      `The webhook of Chess (chess.example) is off. It answered 410 Gone, so it is told of no more changes.

What it answered, and how to turn it on again:

https://presence.example/myapps/app_one#webhook`,
    )
    notices.webhookOff(APP, 'failing')
    assert.match(sent[2]?.getChildText('body') ?? '', /Each call of the last five days has failed/)
  })

  it('say that nobody was told while the link is down', () => {
    online = false
    assert.equal(notices.webhookOff(APP, 'gone'), false)
    assert.deepEqual(sent, [])
  })
})
