import type { RetentionLimits } from '../../src/presence/retention.js'

/** For tests that come nowhere near the limits. */
export const AN_HOUR_OF_CHANGES: RetentionLimits = { ms: 3_600_000, rows: 1_000_000 }
