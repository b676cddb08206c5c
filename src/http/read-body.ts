import parseBody from 'co-body'
import type { Context } from 'koa'
import type * as z from 'zod'
import { HttpFault } from './fault.js'

// What is no UTF-8 would be stored as something else; a byte order mark is left out (RFC 8259 §8.1).
const STRICT = { fatal: true }

/** The body as JSON. Throws HttpFault 400 (100) for what is none, 413 (103) for what is longer. */
export async function readJson(ctx: Context, maxBytes: number): Promise<unknown> {
  const text = await readText(ctx, maxBytes, 'the body is not JSON')
  try {
    return JSON.parse(text)
  } catch {
    throw new HttpFault(400, 100, 'the body is not JSON')
  }
}

/** The body as JSON of that shape. Throws as `readJson` does, and HttpFault 400 (101) naming the field that is wrong. */
export async function readAs<T>(schema: z.ZodType<T>, ctx: Context, maxBytes: number): Promise<T> {
  const { data, error } = schema.safeParse(await readJson(ctx, maxBytes))
  if (!error) return data
  const [issue] = error.issues
  const isMissing = issue?.code === 'invalid_type' && /received undefined$/.test(issue.message)
  const why = isMissing ? 'is missing' : issue?.message
  throw new HttpFault(400, 101, [issue?.path.join('.'), why].filter(Boolean).join(': '))
}

/** The fields of a form (`application/x-www-form-urlencoded`); of one that is there more than once, the last. */
export async function readForm(ctx: Context, maxBytes = 16 * 1024): Promise<Readonly<Record<string, string>>> {
  if (!ctx.is('application/x-www-form-urlencoded')) throw new HttpFault(400, 101, 'the body is not a form')
  return Object.fromEntries(new URLSearchParams(await readText(ctx, maxBytes, 'the body is not a form')))
}

async function readText(ctx: Context, maxBytes: number, what: string): Promise<string> {
  try {
    const bytes = Buffer.from(await parseBody.text(ctx.req, { limit: maxBytes, encoding: 'binary' }), 'latin1')
    return new TextDecoder('utf-8', STRICT).decode(bytes)
  } catch (error) {
    if ((error as { status?: number }).status === 413) throw new HttpFault(413, 103, 'the body is too large')
    throw new HttpFault(400, 100, what)
  }
}
