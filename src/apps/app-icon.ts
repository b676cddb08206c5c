import type { AppIcon } from './app.js'
import { type Outbound, OutboundError } from './outbound.js'

// The largest may be more than the 64 KiB that are fetched of anything.
const MAX_TRIES = 3

/** The first that is an image of a kind that we show. */
export async function fetchIcon(outbound: Outbound, urls: readonly URL[]): Promise<AppIcon | null> {
  for (const url of urls.slice(0, MAX_TRIES)) {
    try {
      const { status, body } = await outbound.get(url)
      const type = status === 200 ? imageType(body) : null
      if (type !== null) return { type, image: body }
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error
    }
  }
  return null
}

/** By its first bytes, whatever it is called; never SVG, which is a document with scripts. */
function imageType(image: Buffer): string | null {
  const head = image.subarray(0, 12).toString('latin1')
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png'
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  if (/^RIFF.{4}WEBP$/s.test(head)) return 'image/webp'
  return /^GIF8[79]a/.test(head) ? 'image/gif' : null
}
