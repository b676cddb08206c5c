// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what a terminal would obey.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g
// Directional overrides and isolates reorder what follows them; the joiners and tags that emoji are made of stay.
const REORDERING = /[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g
const CONTROL_PICTURES = 0x2400
const DELETE_PICTURE = '\u2421'
const REPLACEMENT = '\ufffd'

/** The text on one line, with nothing in it that a terminal obeys: controls become visible signs, such as ␊ and ␛. */
export function harmless(text: string): string {
  return text.toWellFormed().replace(REORDERING, '').replace(CONTROLS, picture)
}

function picture(control: string): string {
  const code = control.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(CONTROL_PICTURES + code)
  return code === 0x7f ? DELETE_PICTURE : REPLACEMENT
}

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' })
// Accents piled on one letter would reach into the lines above and below.
const MAX_GRAPHEME_LENGTH = 32
const WIDE =
  /^[\u1100-\u115f\u231a\u231b\u2329\u232a\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f1e6}-\u{1f1ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u

/** Cells that most terminals give it; they do not agree about all emoji. */
export function cells(text: string): number {
  let sum = 0
  for (const { segment } of GRAPHEMES.segment(text)) sum += graphemeCells(segment)
  return sum
}

/** As much of a harmless text as fits, with `…` at its end where something is missing. */
export function clip(text: string, columns: number): string {
  if (columns <= 0) return ''
  let fitted = ''
  let used = 0
  for (const { segment, index } of GRAPHEMES.segment(text)) {
    const grapheme = segment.length > MAX_GRAPHEME_LENGTH ? REPLACEMENT : segment
    const width = graphemeCells(grapheme)
    const last = index + segment.length === text.length
    if (used + width > (last ? columns : columns - 1)) return `${fitted}…`
    fitted += grapheme
    used += width
  }
  return fitted
}

function graphemeCells(grapheme: string): number {
  if (INVISIBLE.test(grapheme)) return 0
  return WIDE.test(grapheme) || grapheme.includes('\ufe0f') ? 2 : 1
}
