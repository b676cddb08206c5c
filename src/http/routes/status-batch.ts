import type { Socket } from 'node:net'
import parseBody from 'co-body'
import type { Context } from 'koa'
import type { Clock } from '../../presence/clock.js'
import { parseUserInput } from '../../presence/jid.js'
import { Budget } from '../budget.js'
import { HttpFault } from '../fault.js'
import { onceSent } from '../once-sent.js'
import { PATIENCE_MS } from '../patience.js'
import type { PublicView } from '../public-view.js'
import { statusJson } from '../status-rendering.js'
import type { Turns } from '../turns.js'

// A JID is at most 3,071 bytes (RFC 7622 §3.1); JSON may escape, but whoever asks for a thousand such is no page.
const BYTES_PER_JID = 1100
// Bodies and answers of all batches at once; a thousand JIDs and their statuses are some 0.2 MB.
const BUDGET_BYTES = 64 * 1024 * 1024
const RETRY_AFTER_SECONDS = '5'
// Of JIDs, in one turn: at worst some 5 ms, while a thousand ordinary ones take three turns.
const TURN_CHARACTERS = 8 * 1024

/** `POST /xmpp/status {"jids":[…]}` → `{"presences":[…]}`, in the order asked, each as it is when its turn comes. */
export function statusBatch(view: PublicView, clock: Clock, limit: number, turns: Turns) {
  const most = limit * BYTES_PER_JID
  const budget = new Budget(Math.max(BUDGET_BYTES, 4 * most))
  // One at a time: half an answer is in no budget.
  let before: Promise<unknown> = Promise.resolve()

  /** null: nobody waits for it any more. */
  async function answer(text: string, socket: Socket): Promise<string | null> {
    if (socket.destroyed) return null
    await turns.next()
    const presences: string[] = []
    let characters = 0
    for (const asked of parse(text, limit)) {
      characters += asked.length
      if (characters > TURN_CHARACTERS) {
        await turns.next()
        if (socket.destroyed) return null
        characters = asked.length
      }
      presences.push(JSON.stringify(presenceOf(asked)))
    }
    return `{"presences":[${presences.join(',')}]}`
  }

  function presenceOf(asked: string) {
    const parsed = parseUserInput(asked)
    const presence = parsed.fault === undefined ? view.of(parsed.jid, parsed.domain) : null
    return presence ? statusJson(presence, clock.now()) : { jid: asked, error: 'item-not-found' }
  }

  return async (ctx: Context): Promise<void> => {
    const { socket } = ctx.req
    let held = 0
    const hold = (bytes: number) => {
      if (!budget.take(bytes)) {
        ctx.set('Retry-After', RETRY_AFTER_SECONDS)
        throw new HttpFault(429, 140, 'too many batches at once')
      }
      held += bytes
    }
    const sent = new Promise<void>((resolve) => onceSent(ctx.res, socket, resolve))
    try {
      // What is packed says nothing of its size, nor does what comes in chunks.
      const said = ctx.get('Content-Encoding') ? most : (ctx.request.length ?? most)
      hold(Math.min(said, most))
      const text = await readText(ctx, most, sent)
      const answered = before.then(() => answer(text, socket))
      before = answered.catch(() => {})
      const body = await answered
      if (body === null) return
      hold(body.length)
      ctx.type = 'json'
      ctx.body = body
      // Nobody may hold it by reading a byte now and then.
      const cutOff = clock.after(PATIENCE_MS, () => socket.resetAndDestroy())
      ctx.res.once('close', () => cutOff.cancel())
    } finally {
      // Whose connection is gone still holds what waits here for its turn.
      sent.then(() => budget.give(held))
    }
  }
}

async function readText(ctx: Context, limit: number, gone: Promise<void>): Promise<string> {
  const broken = gone.then(() => Promise.reject(notJson()))
  try {
    // Whatever its Content-Type says: nothing here is changed by a request, so a page may leave the preflight out.
    // What unpacks is not told that no more comes.
    return await Promise.race([parseBody.text(ctx.req, { limit }), broken])
  } catch (error) {
    if ((error as { status?: number }).status === 413) throw new HttpFault(413, 103, 'the body is too large')
    throw notJson()
  }
}

function parse(text: string, limit: number): string[] {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    throw notJson()
  }
  const jids: unknown = (body as { jids?: unknown } | null)?.jids
  if (!Array.isArray(jids)) throw notStrings()
  if (jids.length > limit) throw new HttpFault(413, 104, `jids: at most ${limit} in one request`)
  if (!jids.every((jid) => typeof jid === 'string')) throw notStrings()
  return jids
}

const notStrings = () => new HttpFault(400, 101, 'jids: must be an array of strings')
const notJson = () => new HttpFault(400, 100, 'the body is not JSON')
