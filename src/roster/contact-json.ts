import { cutText } from '../presence/presence.js'
import type { Contact } from './contact.js'

// RFC 6121 sets no bounds. These are generous, and what a roster costs a client stays bounded.
const MAX_BYTES = 1023
const MAX_GROUPS = 100

/** What was said of a contact; what is left out was not said. Each fault names what was wrong, and that part is left out. */
export interface SaidOfContact {
  readonly said: Partial<Contact>
  readonly faults: readonly string[]
}

/**
 * `{"name": "Marie", "groups": {"Friends": true}}`, each field optional, others ignored. A `groups` array of names is
 * taken, too. What XML cannot carry is taken out of names. null: no object.
 */
export function readContact(value: unknown): SaidOfContact | null {
  const fields = toObject(value)
  if (fields === null) return null
  const faults: string[] = []
  return { said: { ...readName(fields, faults), ...readGroups(fields, faults) }, faults }
}

/** null: neither an object nor an empty array, which is what PHP writes for an empty object. */
export function toObject(value: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'object' || value === null) return null
  if (!Array.isArray(value)) return value as Record<string, unknown>
  return value.length === 0 ? {} : null
}

function readName(fields: Readonly<Record<string, unknown>>, faults: string[]): Pick<Contact, 'name'> | null {
  if (!Object.hasOwn(fields, 'name')) return null
  const { name } = fields
  if (name === null) return { name }
  const text = typeof name === 'string' ? clean(name) : undefined
  if (text !== undefined) return { name: text }
  faults.push(`its name is ${typeof name === 'string' ? 'too long' : 'no text'}`)
  return null
}

/** In the order of their code units, so that two ways to write the same groups read the same. */
function readGroups(fields: Readonly<Record<string, unknown>>, faults: string[]): Pick<Contact, 'groups'> | null {
  if (!Object.hasOwn(fields, 'groups')) return null
  const { groups: value } = fields
  if (typeof value !== 'object') {
    faults.push('its groups are neither an object nor an array')
    return null
  }
  const groups = new Set<string>()
  for (const name of namesOf(value ?? {})) {
    const text = typeof name === 'string' ? clean(name) : undefined
    if (!text) {
      const what = typeof name !== 'string' ? 'is no text' : text === null ? 'has no name' : 'has too long a name'
      if (!faults.includes(`a group ${what}`)) faults.push(`a group ${what}`)
    } else if (groups.size < MAX_GROUPS || groups.has(text)) {
      groups.add(text)
    } else {
      faults.push(`it is in more than ${MAX_GROUPS} groups`)
      break
    }
  }
  return { groups: [...groups].sort() }
}

function namesOf(groups: object): readonly unknown[] {
  if (Array.isArray(groups)) return groups
  return Object.entries(groups).flatMap(([name, isIn]) => (isIn ? [name] : []))
}

/** null for nothing; undefined: too long. */
function clean(text: string): string | null | undefined {
  // Each unit is a byte at least; a text of megabytes need not be looked through.
  if (text.length > MAX_BYTES) return undefined
  const cleaned = cutText(text, text.length)
  return cleaned !== null && Buffer.byteLength(cleaned) > MAX_BYTES ? undefined : cleaned
}
