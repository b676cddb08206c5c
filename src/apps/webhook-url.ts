import { AppFault } from './app-fault.js'
import { type Outbound, OutboundError } from './outbound.js'

const MAX_URL = 2000

/** https, or http inside `outbound.allowPrivate`; never one that leads into another private network. Throws AppFault. */
export async function readWebhook(text: string, outbound: Outbound): Promise<string> {
  const fault = (why: string) => new AppFault('bad-field', `webhook: ${why}`)
  if (text.length > MAX_URL) throw fault(`is longer than ${MAX_URL} characters`)
  if (!URL.canParse(text)) throw fault('is not a URL')
  const url = new URL(text)
  url.hash = ''
  try {
    await outbound.check(url)
  } catch (error) {
    throw error instanceof OutboundError ? fault(error.message) : error
  }
  if (url.protocol === 'https:' || (await outbound.isAllowedPrivate(url.hostname))) return url.href
  throw fault('must begin with https://')
}
