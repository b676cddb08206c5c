import type { StatusFormat } from './status-url.js'

const MEDIA_TYPES: Readonly<Record<StatusFormat, readonly string[]>> = {
  xml: ['application/xml', 'text/xml'],
  json: ['application/json'],
  txt: ['text/plain'],
}
const FORMATS = Object.keys(MEDIA_TYPES) as StatusFormat[]

/** The one format that the client likes best; XML if none is acceptable or several are liked alike (RFC 9110 §12.5.1). */
export function negotiate(accept: string | undefined): StatusFormat {
  if (accept === undefined || accept === '*/*' || accept === '') return 'xml'
  const ranges = accept.split(',').map(parseRange)
  let best: StatusFormat = 'xml'
  let bestQuality = 0
  let tied = false
  for (const format of FORMATS) {
    const quality = Math.max(...MEDIA_TYPES[format].map((type) => qualityOf(type, ranges)))
    if (quality > bestQuality) {
      best = format
      bestQuality = quality
      tied = false
    } else if (quality === bestQuality) tied = true
  }
  return tied ? 'xml' : best
}

interface Range {
  readonly type: string
  readonly quality: number
}

function parseRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const q = parameters.find((parameter) => parameter.startsWith('q='))
  const quality = q === undefined ? 1 : Number(q.slice(2))
  return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 }
}

/** Of the most specific range that fits. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  for (const wanted of [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']) {
    const fitting = ranges.filter((range) => range.type === wanted)
    if (fitting.length > 0) return Math.max(...fitting.map(({ quality }) => quality))
  }
  return 0
}
