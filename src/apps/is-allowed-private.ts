import { AppFault } from './app-fault.js'
import { type Outbound, OutboundError } from './outbound.js'

/** As `outbound` has it, of the host in that field. Throws AppFault where it cannot be said now. */
export async function isAllowedPrivate(hostname: string, field: string, outbound: Outbound): Promise<boolean> {
  try {
    return await outbound.isAllowedPrivate(hostname)
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    throw new AppFault('not-now', `${field}: it cannot be looked up now; try again in a moment`)
  }
}
