import { parseArgs } from 'node:util'
import * as z from 'zod'
import { loadRunningConfig } from '../config.js'
import type { BareJid } from '../presence/jid.js'
import { type Command, UsageError } from './command.js'
import { ControlClient, ControlError } from './control-client.js'
import { CONFIG_HELP, CONFIG_OPTION, userArgument } from './options.js'
import { harmless } from './terminal-text.js'

const REMOVED = z.object({ jid: z.string(), removed: z.boolean() })
const ANSWER = z.object({ jid: z.string(), state: z.enum(['asked', 'granted']), sent: z.boolean() })

const OPTIONS = { ...CONFIG_OPTION, remove: { type: 'boolean', default: false } } as const

/** Asks users to let the gateway see their presence. */
export const subscribe: Command = {
  usage: 'subscribe [--remove] <jid>… [--config FILE]',
  summary: 'ask users to let the gateway see their presence',
  details: [
    '--remove        see them no longer: takes them out of the roster (of an account; whom a component sees, she takes it back)',
    CONFIG_HELP,
    '',
    'Each accepts in her own XMPP client. Asks the running gateway.',
  ],

  async run(args, { stdout, stderr }) {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
    if (positionals.length === 0) throw new UsageError('subscribe takes one JID or more')
    const users = positionals.map(userArgument)
    const config = loadRunningConfig(values.config)
    const client = new ControlClient(config)
    // Whether a gateway runs at all is said once, not for each user.
    await client.report()
    let code = 0
    for (const user of users) {
      try {
        stdout.write(`${harmless(await (values.remove ? remove(client, user) : ask(client, user)))}\n`)
      } catch (error) {
        if (!(error instanceof ControlError)) throw error
        stderr.write(`presence-gateway: ${harmless(`${user}: ${error.message}`)}\n`)
        code = 1
      }
    }
    return code
  },
}

async function ask(client: ControlClient, user: BareJid): Promise<string> {
  const { jid, state, sent } = await client.call('subscribe', { jid: user }, ANSWER)
  return `${jid}: ${outcome(state, sent)}`
}

async function remove(client: ControlClient, user: BareJid): Promise<string> {
  const { jid, removed } = await client.call('unsubscribe', { jid: user }, REMOVED)
  return `${jid}: ${removed ? 'removed, and forgotten' : 'is not in the roster'}`
}

function outcome(state: 'asked' | 'granted', sent: boolean): string {
  if (state === 'granted') return 'has accepted already'
  return sent ? 'asked; she accepts in her XMPP client' : 'will be asked when the link to the XMPP server is up'
}
