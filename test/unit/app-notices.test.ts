import assert from 'node:assert/strict'
import type { Element } from '@xmpp/component'
import { AppNotices } from '../../src/xmpp/app-notices.js'
import { anApp } from './an-app.js'
import { jid } from './users.js'

const MEMBERS = ['alice@h', 'bob@xn--bcher-kva.example', 'stranger@elsewhere'].map(jid)
const APP = anApp({
  name: 'Chess',
  domain: 'chess.example',
  members: MEMBERS,
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
      mayReach: (user) => !user.endsWith('@elsewhere'),
      address: (user) => user.replace('xn--bcher-kva', 'bücher'),
    })
  })

  it('tell each who may be reached, at the address as her server writes it, why its webhook is off, and what to do', async () => {
    assert.equal(await notices.webhookOff(APP, 'gone'), true)
    assert.deepEqual(
      sent.map(({ attrs }) => attrs.to),
      ['alice@h', 'bob@bücher.example'],
    )
    const [body] = /<body>.*<\/body>/s.exec(String(sent[0])) ?? []
    assert.equal(
      body,
      `<body>The webhook of your app at chess.example is off. It answered 410 Gone, so it is told of no more changes.

What it answered, and how to turn it on again:

https://presence.example/myapps/app_one#webhook</body>`,
    )
  })

  it('are no way to write to somebody again and again', async () => {
    for (let n = 0; n < 3; n++) assert.equal(await notices.webhookOff(APP, 'failing'), true)
    assert.equal(sent.length, 2)
    assert.match(String(sent[0]), /Each call of the last five days has failed/)
    assert(!String(sent[0]).includes('Chess'))
  })

  it('say that nobody was told while the link is down', async () => {
    online = false
    assert.equal(await notices.webhookOff(APP, 'gone'), false)
    online = true
    await notices.webhookOff(APP, 'gone')
    assert.equal(sent.length, 2)
  })
})
