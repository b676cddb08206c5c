import * as fc from 'fast-check'

const ASCII = 'aZ1.-\\%+@/ '
const LATIN = 'éÉ\u0301\u0323ßẞſİı\u212a\u212bÅȠỄ'
const GREEK = 'ςΣσᾳΐΪ\u0345'
const CASED = 'ԀӺӀԱևႠაᲐᎠꭰ𐐀𞤀'
const COMPATIBLE = 'ﬁａ²㏆∕ᴬ\u{2f868}'
const INVISIBLE = '\u200b\u200d\u00ad\u1806\ufe0f\u115f\u3164\u202e'
const OTHER = 'אבا\u05b4\u05b0가\u1100\u1161\u11a8が\u3099क\u093c\u0f71\u0f72\u0f80漢😀'

/** Local parts of characters that fold, vanish, combine, or came with a later Unicode. */
export const NASTY_LOCALS = fc.string({
  unit: fc.constantFrom(...ASCII, ...LATIN, ...GREEK, ...CASED, ...COMPATIBLE, ...INVISIBLE, ...OTHER),
  minLength: 1,
  maxLength: 6,
})
