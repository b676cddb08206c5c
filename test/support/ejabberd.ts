import { randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { Child } from './child.js'
import { PASSWORD } from './password.js'
import { REPOSITORY } from './repository.js'
import { until } from './until.js'
import { XmppServer, type XmppServerOptions } from './xmpp-server.js'

const MISSING = 'ejabberd is not installed: apt-get install -y --no-install-recommends ejabberd'
const MODULES = [
  'mod_admin_extra',
  'mod_blocking',
  'mod_disco',
  'mod_last',
  'mod_ping',
  'mod_privacy',
  'mod_roster',
  'mod_time',
  'mod_version',
]

const HIDDEN = ['-hidden', '-dist_listen', 'false']
const controlNode = () => `control-${randomUUID()}@localhost`

export interface EjabberdOptions extends XmppServerOptions {
  /** Configuration files of the test's own, with absolute paths. */
  includes?: readonly string[]
  /** The component may write everybody's roster, and see them. With mode `subscription`: mod_privilege may be named once. */
  rosters?: 'both'
}

export function startEjabberd(options: EjabberdOptions): Promise<Ejabberd> {
  return Ejabberd.create(options)
}

/**
 * Runs Erlang without ejabberdctl, which is for root and the user ejabberd only, and without epmd: each instance
 * listens for its own commands on a port of its own.
 */
class Ejabberd extends XmppServer {
  override readonly name = 'ejabberd'
  readonly #node = `presence-${randomUUID()}@localhost`
  readonly #cookie = randomUUID()
  #libraries = ''

  static async create(options: EjabberdOptions): Promise<Ejabberd> {
    const server = new Ejabberd(options, await XmppServer.findPlace('ejabberd'))
    server.#libraries = await findEjabberdLibraries()
    await writeFile(server.#configFile, stringify(server.#config(options)))
    return server.begin()
  }

  override get apiUrl(): string {
    return this.options.mode === 'privileged' ? `http://127.0.0.1:${this.httpPort}/api` : ''
  }

  get #configFile(): string {
    return join(this.directory, 'ejabberd.yml')
  }

  override async register(user: string, password = PASSWORD, domain = this.domain): Promise<void> {
    const extra = ['-extra', this.#node, 'register', user, domain, password]
    // ejabberd listens before the table of its accounts is there.
    await until(
      async () => {
        const command = this.#erl(controlNode(), [...HIDDEN, '-s', 'ejabberd_ctl', ...extra])
        const { code } = await command.exited
        if (code !== 0) throw new Error(`ended with ${code}: ${command.output}`)
        return true
      },
      5_000,
      `ejabberd register ${user} ${domain}`,
    )
  }

  /** Mnesia keeps the last seconds in memory only; accounts and rosters shall survive here. */
  override async kill(): Promise<void> {
    if (this.running) {
      const sync = `rpc:call('${this.#node}', mnesia, sync_log, []), halt().`
      await this.#erl(controlNode(), [...HIDDEN, '-eval', sync]).exited
    }
    await super.kill()
  }

  protected override spawn(): Child {
    return this.#erl(this.#node, [
      ...['-kernel', 'inet_dist_use_interface', '{127,0,0,1}'],
      ...['-mnesia', 'dir', `"${this.directory}/db"`],
      ...['-s', 'ejabberd'],
    ])
  }

  #erl(node: string, args: readonly string[]): Child {
    const distribution = ['-erl_epmd_port', `${this.sparePort}`, '-start_epmd', 'false', '-setcookie', this.#cookie]
    return new Child('erl', ['-sname', node, '-noinput', ...distribution, ...args], {
      cwd: this.directory,
      env: {
        ...process.env,
        HOME: this.directory,
        ERL_LIBS: this.#libraries,
        ERL_DIST_PORT: `${this.sparePort}`,
        ERL_CRASH_DUMP_BYTES: '0',
        EJABBERD_CONFIG_PATH: this.#configFile,
        EJABBERD_LOG_PATH: join(this.directory, 'ejabberd.log'),
      },
      missing: MISSING,
    })
  }

  #config(options: EjabberdOptions): object {
    const modules = [...MODULES, ...(options.extraModules ?? [])]
    return {
      hosts: this.domains,
      loglevel: 'info',
      s2s_access: 'none',
      acme: { auto: false },
      listen: [{ port: this.c2sPort, ip: '127.0.0.1', module: 'ejabberd_c2s' }],
      modules: {
        ...Object.fromEntries(modules.map((name) => [name, {}])),
        ...(options.rosters && {
          mod_privilege: { roster: { [options.rosters]: 'all' }, presence: { managed_entity: 'all' } },
        }),
      },
      ...(options.mode !== 'none' && {
        define_macro: {
          PRESENCE_COMPONENT: { [this.componentDomain]: { password: this.secret } },
          PRESENCE_COMPONENT_PORT: this.componentPort,
          PRESENCE_API_PORT: this.httpPort,
        },
      }),
      include_config_file: [
        ...(options.mode === 'none' ? [] : [join(REPOSITORY, 'prosody', `ejabberd-${options.mode}.yml`)]),
        ...(options.includes ?? []),
      ],
    }
  }
}

/** Where this system keeps ejabberd's code, as its own start script says: it differs by architecture. */
export async function findEjabberdLibraries(): Promise<string> {
  for (const directory of new Set([...(process.env.PATH ?? '').split(':'), '/usr/sbin'])) {
    const script = await readFile(join(directory, 'ejabberdctl'), 'utf8').catch(() => '')
    const libraries = /^ERL_LIBS=['"]?([^'"\n]+)/m.exec(script)?.[1]
    if (libraries) return libraries
  }
  throw new Error(MISSING)
}
