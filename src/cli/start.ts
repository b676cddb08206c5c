import { parseArgs } from 'node:util'
import { loadConfig } from '../config.js'
import { systemClock } from '../ops/system-clock.js'
import type { Command } from './command.js'
import { CONFIG_HELP, CONFIG_OPTION } from './options.js'

/** Runs the gateway until it is stopped. */
export const start: Command = {
  usage: 'start [--config FILE]',
  summary: 'run the gateway until it is stopped',
  details: [CONFIG_HELP, '', 'Logs JSON lines to standard output; "listening" says that it is ready.'],

  async run(args, { pid, stop }) {
    const { values } = parseArgs({ args: [...args], options: CONFIG_OPTION })
    const { config, warnings } = loadConfig(values.config)
    // Half of what there is to load, which no other command needs.
    const [{ Gateway }, { createLog }] = await Promise.all([import('../gateway/gateway.js'), import('../ops/log.js')])
    const log = createLog()
    for (const warning of warnings) log.warn(warning)
    const gateway = new Gateway(config, log, systemClock, pid)
    await gateway.start()
    if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }))
    const well = await gateway.stop()
    log.info('stopped')
    return well ? 0 : 1
  },
}
