import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Child } from './child.js'
import { PASSWORD } from './password.js'
import { REPOSITORY } from './repository.js'
import { XmppServer, type XmppServerOptions } from './xmpp-server.js'

const MISSING =
  'Prosody is not installed: apt-get install -y --no-install-recommends prosody prosody-modules lua-unbound'
const MODULES = ['roster', 'saslauth', 'disco', 'ping', 'time', 'version', 'blocklist', 'lastactivity']

export interface ProsodyOptions extends XmppServerOptions {
  /** Modules for its HTTP port, which is closed without any. */
  httpModules?: readonly string[]
  /** For `mode: 'roster-module'`: the gateway's host and port, and one of its roster.tokens. */
  rosters?: { address: string; token: string }
  /** Whether the component may write everybody's roster. */
  rosterPrivilege?: 'both'
  /** Lua for the global section. */
  extraConfig?: string
}

/** `extraModules` is for those that change much, such as smacks. */
export function startProsody(options: ProsodyOptions): Promise<Prosody> {
  return Prosody.create(options)
}

class Prosody extends XmppServer {
  override readonly name = 'Prosody'

  static async create(options: ProsodyOptions): Promise<Prosody> {
    const server = new Prosody(options, await XmppServer.findPlace('prosody'))
    await mkdir(join(server.directory, 'certs'))
    await writeFile(server.#configFile, server.#config(options))
    return server.begin()
  }

  get #configFile(): string {
    return join(this.directory, 'prosody.cfg.lua')
  }

  override async register(user: string, password = PASSWORD, domain = this.domain): Promise<void> {
    const command = new Child('prosodyctl', ['--config', this.#configFile, 'register', user, domain, password], {
      env: this.#environment,
      missing: MISSING,
    })
    const { code } = await command.exited
    if (code !== 0) throw new Error(`prosodyctl register ${user} ${domain} ended with ${code}: ${command.output}`)
  }

  protected override spawn(): Child {
    return new Child('prosody', ['--config', this.#configFile, '-F'], { env: this.#environment, missing: MISSING })
  }

  get #environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      PRESENCE_DOMAINS: this.domains.join(','),
      PRESENCE_ROSTERS: (this.options as ProsodyOptions).rosterPrivilege ?? 'none',
      GATEWAY_XMPP_DOMAIN: this.componentDomain,
      GATEWAY_XMPP_SECRET: this.secret,
      PRESENCE_ADDRESS: (this.options as ProsodyOptions).rosters?.address,
      PRESENCE_ROSTER_TOKEN: (this.options as ProsodyOptions).rosters?.token,
    }
  }

  #config(options: ProsodyOptions): string {
    const modules = [...MODULES, ...(options.extraModules ?? []), ...(options.httpModules ?? [])]
    const include = join(REPOSITORY, 'prosody', `${options.mode}.cfg.lua`)
    return `
run_as_root = ${process.getuid?.() === 0}
pidfile = "${this.directory}/prosody.pid"
data_path = "${this.directory}/data"
certificates = "${this.directory}/certs"
log = { info = "*console" }
plugin_paths = { "${join(REPOSITORY, 'test', 'support', 'prosody-modules')}" }
interfaces = { "127.0.0.1" }
component_interfaces = { "127.0.0.1" }
http_interfaces = { "127.0.0.1" }
c2s_ports = { ${this.c2sPort} }
component_ports = { ${this.componentPort} }
http_ports = { ${this.httpPort} }
https_ports = {}
s2s_ports = {}
modules_enabled = { ${modules.map((name) => `"${name}"`).join(', ')} }
modules_disabled = { "s2s" }
authentication = "internal_plain"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
${options.extraConfig ?? ''}
${this.domains.map((domain) => `VirtualHost "${domain}"`).join('\n')}
${options.mode === 'none' ? '' : `Include "${include}"`}
`
  }
}
