// alice and bob of the quickstart: really logged in, changing their presence now and then, and seen by the demo app.
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { client, xml } from '@xmpp/client'
import { demoApp } from './demo-app.mjs'

const { DEMO_SERVICE, DEMO_DOMAIN, DEMO_PASSWORD, DEMO_GATEWAY, DEMO_APP_FILE } = process.env

const alice = await live('alice', 30_000, [
  { show: 'away', text: 'Out for tea, back at four' },
  { text: 'Reading mail' },
  { show: 'dnd', text: 'In a meeting: <no calls>, please' },
  { show: 'chat', text: 'Ask me anything' },
])
const bob = await live('bob', 25_000, [
  { text: 'At my desk' },
  { show: 'xa', text: 'Gone fishing 🎣' },
  { show: 'chat' },
])

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    await Promise.race([Promise.all([alice.stop(), bob.stop()]), sleep(2_000)])
    process.exit(0)
  })
}

while (!(await isKnown(alice.jid)) || !(await isKnown(bob.jid))) await sleep(100)
writeFileSync(DEMO_APP_FILE, JSON.stringify(await demoApp(DEMO_GATEWAY, [alice, bob])), { mode: 0o600 })

function isKnown(jid) {
  return fetch(`${DEMO_GATEWAY}/xmpp/status/${jid}`).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function live(username, changeEveryMs, moods) {
  const xmpp = client({
    service: DEMO_SERVICE,
    domain: DEMO_DOMAIN,
    username,
    password: DEMO_PASSWORD,
    resource: 'demo',
  })
  let turn = 0
  let expected
  const send = () => {
    const { show, text } = moods[turn % moods.length]
    console.log(`  ${username} is ${show ?? 'online'}${text ? `: ${text}` : ''}`)
    return xmpp.send(xml('presence', {}, show && xml('show', {}, show), text && xml('status', {}, text)))
  }
  xmpp.on('error', (error) => console.error(`${username}: ${error.message}`))
  // A code to sign in with, say: whoever has no XMPP client at hand reads it here.
  xmpp.on('stanza', (stanza) => {
    const body = stanza.is('message') && stanza.getChildText('body')
    if (!body) return
    if (expected) expected(body)
    else console.log(`\n  ${username} has a message from ${stanza.attrs.from}:\n\n${body.replace(/^/gm, '    ')}\n`)
    expected = undefined
  })
  // The library connects again on its own, but leaves the presence to us.
  xmpp.on('online', send)
  await xmpp.start()
  setInterval(() => {
    turn += 1
    if (xmpp.status === 'online') send().catch(() => {})
  }, changeEveryMs)
  return {
    jid: `${username}@${DEMO_DOMAIN}`,
    stop: () => xmpp.stop(),
    nextMessage: () => new Promise((resolve) => (expected = resolve)),
  }
}
