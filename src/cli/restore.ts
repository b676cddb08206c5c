import { parseArgs } from 'node:util'
import { loadRunningConfig } from '../config.js'
import { databaseFile } from '../storage/database.js'
import { DirectoryLock } from '../storage/directory-lock.js'
import { restore as putBack } from '../storage/restore.js'
import { timeInName } from '../storage/time-in-name.js'
import { type Command, UsageError } from './command.js'
import { CONFIG_HELP, CONFIG_OPTION } from './options.js'
import { harmless } from './terminal-text.js'

/** Puts a backup in the place of what the gateway kept. */
export const restore: Command = {
  usage: 'restore FILE [--force] [--config FILE]',
  summary: 'put a backup back; the gateway must be stopped',
  details: [
    'FILE            what `backup` wrote',
    '--force         in the place of the data that is there, which is kept beside it',
    CONFIG_HELP,
    '',
    'Choices and withdrawals that users made since the backup are undone.',
  ],

  async run(args, { stdout, pid }) {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...CONFIG_OPTION, force: { type: 'boolean', default: false } },
      allowPositionals: true,
    })
    const [source, ...more] = positionals
    if (!source || more.length > 0) throw new UsageError('restore takes one file')
    const { directory } = loadRunningConfig(values.config).storage
    const lock = DirectoryLock.acquire(directory, pid)
    try {
      const kept = values.force ? `${databaseFile(directory)}.before-restore-${timeInName()}` : null
      const replaced = putBack(source, directory, kept)
      stdout.write(`${harmless(directory)} holds what ${harmless(source)} held\n`)
      if (replaced && kept) stdout.write(`the database before is kept as ${harmless(kept)}\n`)
    } finally {
      lock.release()
    }
    return 0
  },
}
