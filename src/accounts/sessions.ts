import type { Clock } from '../presence/clock.js'
import type { BareJid } from '../presence/jid.js'
import type { Session, SessionStore } from './session.js'

/** Who is signed in with which browser. */
export class Sessions {
  constructor(_store: SessionStore, _clock: Clock, _random: (bytes: number) => Buffer) {}

  /** Returns what the cookie is to hold. */
  begin(_user: BareJid, _from: Pick<Session, 'browser' | 'address'>): Promise<string> {
    throw new Error('to be written')
  }

  /** null: there is none, or it was not used for 30 days. */
  find(_token: string): Promise<Session | null> {
    throw new Error('to be written')
  }

  ofUser(_user: BareJid): Promise<readonly Session[]> {
    throw new Error('to be written')
  }

  end(_session: Session): Promise<void> {
    throw new Error('to be written')
  }

  endAll(_user: BareJid): Promise<void> {
    throw new Error('to be written')
  }
}
