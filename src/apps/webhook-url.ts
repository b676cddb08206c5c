import { AppFault } from './app-fault.js'
import { isAllowedPrivate } from './is-allowed-private.js'
import { type Outbound, OutboundError } from './outbound.js'

const MAX_URL = 2000

/** https, or http inside `outbound.allowPrivate`; never one that leads into another private network. Throws AppFault. */
export async function readWebhook(text: string, outbound: Outbound): Promise<string> {
  const fault = (why: string) => new AppFault('bad-field', `url: ${why}`)
  if (text.length > MAX_URL) throw fault(`is longer than ${MAX_URL} characters`)
  if (!URL.canParse(text)) throw fault('is not a URL')
  const url = new URL(text)
  url.hash = ''
  try {
    await outbound.check(url)
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    if (error.isPassing) throw new AppFault('not-now', 'url: it cannot be looked up now; try again in a moment')
    throw fault(error.message)
  }
  if (url.protocol === 'https:' || (await isAllowedPrivate(url.hostname, 'webhook', outbound))) return url.href
  throw fault('must begin with https://')
}
