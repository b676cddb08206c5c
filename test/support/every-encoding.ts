import assert from 'node:assert/strict'
import type { RawPathClient } from './raw-path-client.js'

/** The show alone does not say whose it is. */
const ANYBODY = 'anybody'
const SUFFIXES = ['', '.xml', '.json', '.txt'] as const
// RFC 3986 §3.3: a segment of a path may hold these as they are.
const IN_SEGMENT = /[A-Za-z0-9._~!$&'()*+,;=:@-]/

const percent = (byte: string) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
const ENCODINGS: readonly ((bytes: string) => string)[] = [
  (bytes) => bytes.replace(/./gs, percent),
  (bytes) => bytes.replace(/./gs, (byte) => (IN_SEGMENT.test(byte) ? byte : percent(byte).toUpperCase())),
  // Only what cannot be in a request line, or would end the path.
  (bytes) => bytes.replace(/[^!-~\u0080-\u00ff]|[%?#]/g, percent),
]

/** What the gateway shows as the text of the JID, asked in each encoding and format: always the same. null: nobody. */
export async function textByEveryEncoding(client: RawPathClient, spelling: string | Buffer): Promise<string | null> {
  const bytes = Buffer.from(spelling as string).toString('latin1')
  const paths = ENCODINGS.flatMap((encode) => SUFFIXES.map((suffix) => `/xmpp/status/${encode(bytes)}${suffix}`))
  const [first, ...rest] = await Promise.all(paths.map((path) => textAt(client, path)))
  for (const [i, text] of rest.entries()) {
    const path = paths[i + 1] ?? ''
    // RFC 3986 §2: a URL is ASCII.
    if (/[\u0080-\u00ff]/.test(path)) assert.equal(text, null, path)
    else if (text === ANYBODY) assert.notEqual(first, null, path)
    else assert.equal(text, first, path)
  }
  return first ?? null
}

async function textAt(client: RawPathClient, path: string): Promise<string | null> {
  const { status, body } = await client.get(path)
  if (status === 400 || status === 404) return null
  assert.equal(status, 200, `${path} is answered ${status} ${body}`)
  return path.endsWith('.txt') ? ANYBODY : textOf(body)
}

function textOf(body: string): string {
  const text = body.startsWith('{') ? JSON.parse(body).text : /<status>(.*)<\/status>/.exec(body)?.[1]
  assert.equal(typeof text, 'string', body)
  return text
}
