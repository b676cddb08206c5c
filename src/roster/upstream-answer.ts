import type { Roster } from './contact.js'
import type { HttpAnswer } from './http-client.js'
import { type RosterFault, readRoster } from './roster-json.js'

/** `unreachable`: no whole answer in time; `status`: an HTTP status other than 200; `invalid`: a 200 without a roster. */
export type UpstreamFailure = 'unreachable' | 'status' | 'invalid'

export type UpstreamAnswer =
  | { readonly kind: 'roster'; readonly roster: Roster; readonly faults: readonly RosterFault[] }
  /** The app says that there is no such user (404, 410). */
  | { readonly kind: 'unknown-user' }
  | { readonly kind: 'failed'; readonly failure: UpstreamFailure; readonly why: string }

/** What a web app's answer says. `why`: for the admin, after the name of what was called. */
export function readUpstreamAnswer(answer: HttpAnswer): UpstreamAnswer {
  if (answer.kind === 'failed') return failed('unreachable', answer.why)
  if (answer.status === 404 || answer.status === 410) return { kind: 'unknown-user' }
  // As the module itself has it.
  if (answer.status !== 200) return failed('status', `it answers ${answer.status}`)
  if (answer.body.trim() === '') return failed('invalid', 'it answers nothing')
  let value: unknown
  try {
    value = JSON.parse(answer.body)
  } catch {
    return failed('invalid', `its answer is ${/^\s*</.test(answer.body) ? 'HTML or XML' : 'no JSON'}`)
  }
  const read = readRoster(value)
  if (read === null) return failed('invalid', 'its answer is no JSON object')
  // {"error": …} and the like must not empty anybody's roster.
  const [fault] = read.faults
  if (fault && read.roster.size === 0) {
    return failed('invalid', `nothing in its answer is a contact: ${JSON.stringify(fault.entry)} ${fault.why}`)
  }
  return { kind: 'roster', ...read }
}

function failed(failure: UpstreamFailure, why: string): UpstreamAnswer {
  return { kind: 'failed', failure, why }
}
