import { parseArgs } from 'node:util'
import * as z from 'zod'
import { loadRunningConfig } from '../config.js'
import { PUBLICATION_CHOICES } from '../presence/publication.js'
import { type Command, UsageError } from './command.js'
import { ControlClient } from './control-client.js'
import { CONFIG_HELP, CONFIG_OPTION, userArgument } from './options.js'
import { harmless } from './terminal-text.js'

const ANSWER = z.object({ jid: z.string(), publication: z.string() })
const MEANING: Readonly<Record<string, string>> = {
  none: 'nobody on the web sees her status',
  status: 'everybody on the web sees her status, not its text',
  details: 'everybody on the web sees her status and its text',
}

/** Sets what anonymous readers may see of a user. */
export const publish: Command = {
  usage: 'publish <jid> none|status|details|domain [--config FILE]',
  summary: 'set what the web may see of a user',
  details: [
    'none      nothing: as if there were no such user',
    'status    online, away, …, without the text',
    'details   with the text',
    "domain    as the domain's publish says",
    CONFIG_HELP,
    '',
    'Kept until it is set again. Asks the running gateway.',
  ],

  async run(args, { stdout }) {
    const { values, positionals } = parseArgs({ args: [...args], options: CONFIG_OPTION, allowPositionals: true })
    const [user, choice, ...more] = positionals
    if (user === undefined || choice === undefined || more.length > 0) {
      throw new UsageError('publish takes a JID and what to publish')
    }
    const jid = userArgument(user)
    if (!PUBLICATION_CHOICES.some((known) => known === choice)) {
      throw new UsageError(`${JSON.stringify(choice)} is not one of ${PUBLICATION_CHOICES.join(', ')}`)
    }
    const config = loadRunningConfig(values.config)
    const answer = await new ControlClient(config).call('publish', { jid, choice }, ANSWER)
    const by = choice === 'domain' ? `as her domain: ${answer.publication}` : answer.publication
    stdout.write(harmless(`${answer.jid} publishes ${by} (${MEANING[answer.publication] ?? ''})`).concat('\n'))
    return 0
  },
}
