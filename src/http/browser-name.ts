// Each names itself last, and pretends before to be one of those below it.
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:Edg|EdgA|EdgiOS)\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\bEpiphany\//, 'GNOME Web'],
  [/\b(?:Chrome|CriOS|Chromium|HeadlessChrome)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, 'Android'],
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\b(?:Macintosh|Mac OS X)\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
]
const LONGEST = 512

/** `Firefox on Linux`: enough for a user to tell her browsers apart. Of others their own first word: `curl`. */
export function browserName(userAgent: string): string {
  const said = userAgent.slice(0, LONGEST)
  const find = (among: typeof BROWSERS) => among.find(([pattern]) => pattern.test(said))?.[1]
  const browser = find(BROWSERS) ?? /^[A-Za-z][A-Za-z0-9._-]{0,29}/.exec(said)?.[0] ?? 'Unknown browser'
  const system = find(SYSTEMS)
  return system === undefined ? browser : `${browser} on ${system}`
}
