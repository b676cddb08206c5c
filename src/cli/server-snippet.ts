import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type ServerName = 'prosody' | 'ejabberd'
export type SourceName = 'privileged' | 'subscription'

export interface Wiring {
  readonly component: string
  readonly secret: string
  readonly domains: readonly string[]
  readonly source: SourceName
}

/** Where ejabberd's API listens in our file for it. */
export const EJABBERD_API = 'http://127.0.0.1:5281/api'
const COMPONENT_PORT = '5347'
const API_PORT = new URL(EJABBERD_API).port

/** This installation. */
export const PACKAGE = fileURLToPath(new URL('../../../', import.meta.url))
const FOLDER = `${PACKAGE}prosody/`

/** Our file for that server: where it lies in this installation. */
export function shippedFile(server: ServerName, source: SourceName): string {
  return FOLDER + (server === 'prosody' ? `${source}.cfg.lua` : `ejabberd-${source}.yml`)
}

/** What the server's configuration needs: our shipped file with its values filled in, below a comment that says where to. */
export function serverSnippet(server: ServerName, wiring: Wiring): string {
  // Its first paragraph is about filling it in by hand.
  const [, ...paragraphs] = readFileSync(shippedFile(server, wiring.source), 'utf8').split(/\n{2,}/)
  const body = paragraphs.join('\n\n')
  return server === 'prosody' ? prosody(body, wiring) : ejabberd(body, wiring)
}

function prosody(body: string, { component, secret, domains, source }: Wiring): string {
  const filled = fill(body, [
    [/^-- Change these .*\n/m, ''],
    ...(source === 'privileged'
      ? [[/^local served = .*$/m, `local served = ${quote(domains.join(','))}`] as const]
      : []),
    [/^local component = .*$/m, `local component = ${quote(component)}`],
    [/^local secret = .*$/m, `local secret = ${quote(secret)}`],
  ])
  return [
    '-- For presence-gateway. Save as /etc/prosody/conf.d/presence-gateway.cfg.lua (or paste it at the end of',
    '-- prosody.cfg.lua), readable by Prosody only: it holds the secret. Restart Prosody.',
    ...(source === 'privileged' ? ['-- Needs mod_privilege (Debian: prosody-modules).'] : []),
    '',
    filled,
  ].join('\n')
}

function ejabberd(body: string, { component, secret, source }: Wiring): string {
  const filled = fill(body, [
    [/\bPRESENCE_COMPONENT_PORT\b/, COMPONENT_PORT],
    [/\bPRESENCE_COMPONENT\b/, `{ ${quote(component)}: { password: ${quote(secret)} } }`],
    ...(source === 'privileged' ? [[/\bPRESENCE_API_PORT\b/, API_PORT] as const] : []),
  ])
  return [
    '# For presence-gateway. Save as /etc/ejabberd/presence-gateway.yml, readable by ejabberd only: it holds the secret.',
    '# Add it to ejabberd.yml, and restart ejabberd:',
    '#',
    '#   include_config_file:',
    '#     - /etc/ejabberd/presence-gateway.yml',
    '#',
    source === 'privileged'
      ? '# ejabberd adds these lists to yours. The API needs mod_admin_extra among your modules (Debian has it).'
      : '# ejabberd adds this list to yours.',
    '',
    filled,
  ].join('\n')
}

function fill(text: string, values: readonly (readonly [RegExp, string])[]): string {
  return values.reduce((filled, [place, value]) => {
    if (!place.test(filled)) throw new Error(`${FOLDER}: a file is not the one of this version (${place.source})`)
    return filled.replace(place, () => value)
  }, text)
}

/** For Lua and YAML alike: domains and secrets hold nothing that they escape differently. */
function quote(text: string): string {
  return JSON.stringify(text)
}
