import { SCOPES, type Scope } from './app.js'
import { cutText, MAX_DESCRIPTION, MAX_NAME } from './app-text.js'
import { askDomain } from './ask-domain.js'
import { type Outbound, OutboundError } from './outbound.js'

const PATHS = ['/manifest.webmanifest', '/manifest.json']
// Of more nobody looks at any.
const MAX_ICONS = 100

/** What an app says of itself (https://www.w3.org/TR/appmanifest/, and our member `presence`); whatever is no such thing is left out. */
export interface Manifest {
  readonly name: string
  readonly description: string
  readonly scope: readonly Scope[] | null
  readonly webhook: string | null
  /** The largest first. */
  readonly icons: readonly URL[]
}

/** null: the domain has none. */
export async function fetchManifest(outbound: Outbound, domain: string): Promise<Manifest | null> {
  for (const path of PATHS) {
    try {
      const { url, answer } = await askDomain(outbound, domain, path)
      const manifest = answer.status === 200 ? readManifest(new TextDecoder().decode(answer.body), url) : null
      if (manifest) return manifest
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error
    }
  }
  return null
}

/** `url`: where it was found. null: it is no JSON object. */
function readManifest(text: string, url: URL): Manifest | null {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    return null
  }
  if (!isObject(read)) return null
  const presence = isObject(read.presence) ? read.presence : {}
  return {
    name: cutText(textOf(read.name) || textOf(read.short_name), MAX_NAME),
    description: cutText(textOf(presence.description), MAX_DESCRIPTION),
    scope: scopeOf(presence.scope),
    webhook: textOf(presence.webhook) || null,
    icons: iconsOf(read.icons, url),
  }
}

function scopeOf(said: unknown): readonly Scope[] | null {
  if (typeof said !== 'string') return null
  const words = said.split(' ')
  return SCOPES.filter((scope) => scope === 'status' || words.includes(scope))
}

function iconsOf(said: unknown, url: URL): readonly URL[] {
  if (!Array.isArray(said)) return []
  const icons = said.slice(0, MAX_ICONS).flatMap((icon: unknown) => {
    if (!isObject(icon) || icon.purpose === 'monochrome') return []
    const src = textOf(icon.src)
    if (src === '' || !URL.canParse(src, url.href)) return []
    const { protocol } = new URL(src, url)
    if (protocol !== 'http:' && protocol !== 'https:') return []
    return { url: new URL(src, url), size: widest(textOf(icon.sizes)) }
  })
  return icons.sort((one, other) => other.size - one.size).map((icon) => icon.url)
}

/** `48x48 96x96` → 96 */
function widest(sizes: string): number {
  return Math.max(0, ...[...sizes.slice(0, 200).matchAll(/(\d{1,5})x\d{1,5}/gi)].map(([, width]) => Number(width)))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
