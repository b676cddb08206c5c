import { realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as z from 'zod'
import { type Config, loadRunningConfig } from '../config.js'
import { backUp } from '../storage/backup.js'
import { DirectoryLock } from '../storage/directory-lock.js'
import { timeInName } from '../storage/time-in-name.js'
import { type Command, UsageError } from './command.js'
import { ControlClient } from './control-client.js'
import { CONFIG_HELP, CONFIG_OPTION } from './options.js'
import { placePrivateFile } from './private-file.js'
import { harmless } from './terminal-text.js'

/** Copies everything that the gateway keeps to one file. */
export const backup: Command = {
  usage: 'backup [FILE] [--force] [--config FILE]',
  summary: 'copy everything that the gateway keeps to one file',
  details: [
    'FILE            where to (default: presence-gateway-<time>.db here); only you may read it',
    '--force         overwrites FILE',
    CONFIG_HELP,
    '',
    'While the gateway runs, and while it does not. `restore` puts it back.',
  ],

  async run(args, { stdout }) {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...CONFIG_OPTION, force: { type: 'boolean', default: false } },
      allowPositionals: true,
    })
    const [file = `presence-gateway-${timeInName()}.db`, ...more] = positionals
    if (file === '' || more.length > 0) throw new UsageError('backup takes one file')
    const config = loadRunningConfig(values.config)
    const { directory } = config.storage
    if (isIn(directory, file)) throw new Error(`${file} is in ${directory}: a backup belongs elsewhere`)
    await flush(config)
    placePrivateFile(file, values.force, (temporary) => backUp(directory, temporary))
    stdout.write(`${harmless(file)} holds everything in ${harmless(directory)}\n`)
    return 0
  },
}

/** What the running gateway knows and has not written yet. The copy itself needs no gateway, and does not keep it from its work. */
async function flush(config: Config): Promise<void> {
  if (!DirectoryLock.isHeld(config.storage.directory)) return
  await new ControlClient(config).call('flush', null, z.object({}))
}

function isIn(directory: string, file: string): boolean {
  try {
    return realpathSync(dirname(file)) === realpathSync(directory)
  } catch {
    return dirname(resolve(file)) === directory
  }
}
