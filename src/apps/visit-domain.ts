import type { AppIcon } from './app.js'
import { AppFault } from './app-fault.js'
import { fetchIcon } from './app-icon.js'
import { proofFault } from './domain-proof.js'
import { fetchManifest, type Manifest } from './manifest.js'
import type { Outbound } from './outbound.js'
import { readWebhook } from './webhook-url.js'

export type Visit =
  /** `found`: what was there instead of the key, for who registered the app. */
  | { readonly found: string }
  | {
      readonly found: null
      readonly manifest: Manifest | null
      /** null: the manifest names none that may be called. */
      readonly webhook: string | null
      /** null: none could be fetched. */
      readonly icon: AppIcon | null
    }

/** Looks whether the domain shows the key, and what it says of its app then. */
export async function visitDomain(outbound: Outbound, domain: string, key: string): Promise<Visit> {
  const found = await proofFault(outbound, domain, key)
  if (found !== null) return { found }
  // What comes first counts most: for what comes last there may be no time.
  const manifest = await fetchManifest(outbound, domain)
  const webhook = await webhookIn(manifest, outbound)
  const icon = await fetchIcon(outbound, manifest?.icons ?? [])
  return { found, manifest, webhook, icon }
}

async function webhookIn(manifest: Manifest | null, outbound: Outbound): Promise<string | null> {
  if (!manifest || manifest.webhook === null) return null
  try {
    return await readWebhook(manifest.webhook, outbound)
  } catch (error) {
    if (error instanceof AppFault) return null
    throw error
  }
}
