// Draws src/xmpp/component-photo.ts: `node scripts/component-photo.mjs` writes it anew.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'

const SIZE = 96
const SAMPLES = 4
const [BLUE, WHITE, GREEN] = [
  [38, 84, 124],
  [255, 255, 255],
  [46, 160, 67],
]

/** Somebody, and a green light beside her: in a square from -1 to 1. */
function colourAt(x, y) {
  const light = Math.hypot(x - 0.6, y - 0.6)
  if (light < 0.28) return GREEN
  if (light < 0.38) return WHITE
  if (Math.hypot(x, y) > 1) return null
  if (Math.hypot(x, y + 0.25) < 0.3) return WHITE
  if (y > 0.1 && Math.hypot(x / 0.58, (y - 0.65) / 0.55) < 1 && y < 0.7) return WHITE
  return BLUE
}

function pixel(column, row) {
  const sum = [0, 0, 0, 0]
  for (let i = 0; i < SAMPLES ** 2; i++) {
    const at = (index, offset) => ((index + (offset + 0.5) / SAMPLES) / SIZE) * 2 - 1
    const colour = colourAt(at(column, i % SAMPLES), at(row, Math.floor(i / SAMPLES)))
    for (const [channel, value] of (colour ? [...colour, 255] : []).entries()) sum[channel] += value
  }
  const covered = sum[3] / 255
  return [...sum.slice(0, 3).map((value) => (covered ? Math.round(value / covered) : 0)), sum[3] / SAMPLES ** 2]
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data])
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, check])
}

const header = Buffer.alloc(13)
header.writeUInt32BE(SIZE, 0)
header.writeUInt32BE(SIZE, 4)
// Eight bits a channel, red, green, blue and alpha.
header.set([8, 6], 8)
// Each row as the difference to the one above it: smaller than its own bytes.
const rows = []
let above = new Uint8Array(SIZE * 4)
for (let row = 0; row < SIZE; row++) {
  const bytes = Uint8Array.from(Array.from({ length: SIZE }, (_, column) => pixel(column, row)).flat())
  rows.push(2, ...bytes.map((byte, index) => byte - above[index]))
  above = bytes
}
const png = Buffer.concat([
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
  chunk('IHDR', header),
  chunk('IDAT', deflateSync(Uint8Array.from(rows), { level: 9 })),
  chunk('IEND', Buffer.alloc(0)),
])
const lines = png.toString('base64').match(/.{1,116}/g)
writeFileSync(
  join(import.meta.dirname, '..', 'src', 'xmpp', 'component-photo.ts'),
  `/** A PNG of ${SIZE} × ${SIZE} pixels in base64, as scripts/component-photo.mjs drew it. */
export const COMPONENT_PHOTO =
  ${lines.map((line) => `'${line}'`).join(' +\n  ')}
`,
)
console.log(`${png.length} bytes`)
