import { AppFault } from './app-fault.js'

export const MAX_NAME = 100
export const MAX_DESCRIPTION = 1000

// Marks that turn round, hide or join what stands beside them; the joiner and the selectors that emoji are made of stay.
const UNSEEN = /(?![\u200d\ufe00-\ufe0f])[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu
// What XML 1.0 has not, and nobody can read: non-characters and what is for private use.
const UNREADABLE = /[\p{Noncharacter_Code_Point}\p{Co}]/gu
const BLANKS = /[\s\p{Cc}]+/gu
// More of them on one letter reach into the lines above and below.
const PILED_UP = /(\p{M}{4})\p{M}+/gu
// To put them in order takes the square of the time that there are of them; so many are on no letter (UAX #15 §13).
const UNORDERED = /(\p{M}{30})\p{M}+/gu
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u

/** A name or a description on one line, as it may stand beside our own words on the consent page. */
export function cleanText(text: string): string {
  const bounded = text.toWellFormed().replace(UNSEEN, '').replace(UNORDERED, '$1')
  const legible = bounded.normalize('NFC').replace(UNREADABLE, '\ufffd')
  const line = legible.replace(BLANKS, ' ').replace(PILED_UP, '$1').trim()
  return VISIBLE.test(line) ? line : ''
}

/** The same, no longer than that many code points. */
export function cutText(text: string, most: number): string {
  // Nobody looks at the rest; four marks may follow each letter.
  return [...cleanText(text.slice(0, 16 * most))].slice(0, most).join('').trim()
}

/** Throws AppFault where it is longer. */
export function readText(field: string, text: string, most: number): string {
  if (text.length > 16 * most) throw new AppFault('bad-field', `${field}: is longer than ${most} characters`)
  const clean = cleanText(text)
  if ([...clean].length > most) throw new AppFault('bad-field', `${field}: is longer than ${most} characters`)
  return clean
}
