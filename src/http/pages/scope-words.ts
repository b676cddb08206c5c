import { SCOPES, type Scope } from '../../apps/app.js'

export interface ScopeWords {
  readonly title: string
  readonly short: string
  readonly long: string
}

/** What each means to whoever is asked for it. */
export const SCOPE_WORDS: Readonly<Record<Scope, ScopeWords>> = {
  status: {
    title: 'Your status',
    short: 'your status',
    long: 'Whether you are online, away, busy (do not disturb) or offline, as it changes.',
  },
  details: {
    title: 'The details',
    short: 'the details',
    long: 'What your client says exactly (do not disturb, away for longer …), your text, and since when.',
  },
  address: { title: 'Your address', short: 'your address', long: 'With it, it could also write to you.' },
}

/** Those whose boxes are ticked in a form. */
export function scopeIn(fields: Readonly<Record<string, string>>): readonly Scope[] {
  return SCOPES.filter((each) => fields[`scope_${each}`] === 'on')
}
