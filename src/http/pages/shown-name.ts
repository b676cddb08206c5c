import { cleanText } from '../../apps/app-text.js'

const MOST_CHARACTERS = 60

/** What a stranger called it, in one harmless line; `instead` where nothing is left of it. */
export function shownName(name: string, instead: string): string {
  const characters = [...shownText(name)]
  if (characters.length === 0) return instead
  return characters.length <= MOST_CHARACTERS
    ? characters.join('')
    : `${characters.slice(0, MOST_CHARACTERS).join('')}…`
}

/** What somebody else wrote, without what turns, hides or piles up beside our own words. */
export function shownText(text: string): string {
  return cleanText(text)
}
