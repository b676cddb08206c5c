import { type BareJid, parseUserInput } from '../presence/jid.js'
import { UsageError } from './command.js'

export const CONFIG_OPTION = { config: { type: 'string', default: 'gateway.yaml' } } as const
export const CONFIG_HELP = '--config FILE   the configuration (default: gateway.yaml)'

/** A user's JID among the arguments, as it is looked up. Throws UsageError. */
export function userArgument(text: string): BareJid {
  const parsed = parseUserInput(text)
  switch (parsed.fault) {
    case undefined:
      return parsed.jid
    case 'malformed':
      throw new UsageError(`${JSON.stringify(text)} is not a user's JID such as alice@example.org`)
    case 'ambiguous':
      throw new UsageError(`${JSON.stringify(text)} has more than one spelling; write it as the server does`)
  }
}
