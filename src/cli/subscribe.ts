import { parseArgs } from 'node:util'
import * as z from 'zod'
import { loadRunningConfig } from '../config.js'
import { type Command, UsageError } from './command.js'
import { ControlClient, ControlError } from './control-client.js'
import { CONFIG_HELP, CONFIG_OPTION, userArgument } from './options.js'
import { harmless } from './terminal-text.js'

const ANSWER = z.object({ jid: z.string(), state: z.enum(['asked', 'granted']), sent: z.boolean() })

/** Asks users to let the gateway see their presence. */
export const subscribe: Command = {
  usage: 'subscribe <jid>… [--config FILE]',
  summary: 'ask users to let the gateway see their presence',
  details: [CONFIG_HELP, '', 'Each accepts in her own XMPP client. Asks the running gateway.'],

  async run(args, { stdout, stderr }) {
    const { values, positionals } = parseArgs({ args: [...args], options: CONFIG_OPTION, allowPositionals: true })
    if (positionals.length === 0) throw new UsageError('subscribe takes one JID or more')
    const users = positionals.map(userArgument)
    const config = loadRunningConfig(values.config)
    const client = new ControlClient(config)
    // Whether a gateway runs at all is said once, not for each user.
    await client.report()
    let code = 0
    for (const user of users) {
      try {
        const { jid, state, sent } = await client.call('subscribe', { jid: user }, ANSWER)
        stdout.write(`${harmless(jid)}: ${outcome(state, sent)}\n`)
      } catch (error) {
        if (!(error instanceof ControlError)) throw error
        stderr.write(`presence-gateway: ${harmless(`${user}: ${error.message}`)}\n`)
        code = 1
      }
    }
    return code
  },
}

function outcome(state: 'asked' | 'granted', sent: boolean): string {
  if (state === 'granted') return 'has accepted already'
  return sent ? 'asked; she accepts in her XMPP client' : 'will be asked when the link to the XMPP server is up'
}
