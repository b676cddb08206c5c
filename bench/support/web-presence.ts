import { startProsody } from '../../test/support/prosody.js'
import { XmppUser } from '../../test/support/xmpp-user.js'
import { pin } from './pin.js'
import type { LoadTarget } from './request-load.js'

const USERS = 10

/** Prosody's mod_webpresence, with users who are really logged in: it looks each up in a table, so ten do as well as many. */
export async function startWebPresence(): Promise<{ target: LoadTarget; stop(): Promise<void> }> {
  const names = Array.from({ length: USERS }, (_, number) => `user${number}`)
  const prosody = await startProsody({ mode: 'none', users: names, httpModules: ['webpresence'] })
  const users: XmppUser[] = []
  const stop = async () => {
    for (const user of users) await user.logout()
    await prosody.stop()
  }
  try {
    pin(prosody.pid, 'measured')
    for (const name of names) {
      const user = await XmppUser.login({ port: prosody.c2sPort, jid: `${name}@localhost` })
      users.push(user)
      await user.setPresence({ show: 'away', status: `In a meeting until ${name}` })
    }
    const origin = `http://127.0.0.1:${prosody.httpPort}`
    return { target: { origin, path: '/status/user%d@localhost/xml', users: USERS, host: 'localhost' }, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
