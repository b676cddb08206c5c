import assert from 'node:assert/strict'
import type { AppId } from '../../src/apps/app.js'
import type { AppCursors } from '../../src/delivery/cursors.js'
import type { Ending, Sink, Stream } from '../../src/delivery/stream.js'
import type { Streams } from '../../src/delivery/streams.js'
import { frames } from '../../src/delivery/wire.js'
import type { Bytes } from '../../src/presence/bytes.js'
import { framesIn } from './read-frames.js'

// biome-ignore lint/suspicious/noExplicitAny: whatever came as JSON.
type Said = any

/** An app that keeps a picture of its users from what a stream says, and comes back with the last cursor it has seen. */
export class ModelReader implements Sink {
  readonly uids: ReadonlySet<string> | null
  /** By uid, what it was told last. */
  picture = new Map<string, object>()
  /** Where its picture began. */
  began = 0
  /** Of all it was told since, in order. */
  positions: number[] = []
  readonly #appid: AppId
  readonly #streams: Streams
  readonly #cursors: AppCursors
  #stream: Stream | null = null
  /** Which of its connections this is: what an older one says, goes nowhere. */
  #connection = 0
  #isConnected = false
  #isBlocked = false
  #owesDrain = false
  /** On its way. */
  #sent: Said[] = []
  #cursor: string | null = null
  /** The parts of a snapshot, until the first word of another kind. */
  #isSnapshot = false

  constructor(appid: AppId, streams: Streams, cursors: AppCursors, uids: ReadonlySet<string> | null) {
    this.#appid = appid
    this.#streams = streams
    this.#cursors = cursors
    this.uids = uids
  }

  connect(): void {
    if (this.#isConnected) return
    const connection = ++this.#connection
    this.#isConnected = true
    this.#isBlocked = false
    this.#owesDrain = false
    this.#isSnapshot = false
    this.#sent = []
    const sink: Sink = {
      write: (chunk) => connection !== this.#connection || this.write(chunk),
      end: (ending) => connection === this.#connection && this.end(ending),
    }
    const request = { appid: this.#appid, wire: frames, sink, since: this.#cursor, uids: this.uids }
    void this.#streams.open(request, (stream) => {
      if (connection !== this.#connection) return stream.closed()
      this.#stream = stream
    })
  }

  write(chunk: Bytes): boolean {
    assert(this.#isConnected, 'nothing is written after the end')
    assert(!this.#owesDrain, 'nothing is written to who has enough')
    this.#sent.push(...framesIn(Buffer.from(chunk, 'latin1')))
    this.#owesDrain = this.#isBlocked
    if (!this.#isBlocked) this.#read()
    return !this.#isBlocked
  }

  end(_: Ending): void {
    this.#gone()
  }

  block(): void {
    this.#isBlocked = this.#isConnected
  }

  unblock(): void {
    this.#isBlocked = false
    this.sip()
  }

  /** Reads what was sent, and no more than one more write. */
  sip(): void {
    this.#read()
    if (!this.#owesDrain) return
    this.#owesDrain = false
    this.#stream?.drained()
  }

  /** After it has read that many more words of what is on its way. */
  cut(read: number): void {
    if (!this.#isConnected) return
    this.#read(read)
    const stream = this.#stream
    this.#gone()
    stream?.closed()
  }

  #gone(): void {
    this.#isConnected = false
    this.#connection++
    this.#stream = null
    this.#sent = []
  }

  #read(words = Number.POSITIVE_INFINITY): void {
    let left = words
    while (this.#sent.length > 0 && left > 0) {
      const said = this.#sent.shift()
      // An array is read from one update to the next.
      for (const each of Array.isArray(said) ? said : []) {
        if (left-- <= 0) return
        if (each.cursor === undefined) this.#snapshot(each)
        else this.#update(each)
      }
      if (Array.isArray(said)) {
        if (said.length === 0) this.#begin()
        continue
      }
      left--
      if (said.reset) {
        this.#cursor = null
        this.#isSnapshot = false
      } else if (said.ready) {
        this.#isSnapshot = false
        this.#cursor = said.cursor
        if (Number.isNaN(this.began)) this.began = this.#cursors.read(said.cursor) ?? 0
      }
    }
  }

  #begin(): void {
    if (this.#isSnapshot) return
    this.#isSnapshot = true
    this.picture = new Map()
    this.positions = []
    this.began = Number.NaN
  }

  #snapshot(update: { uid: string }): void {
    assert.equal(this.#cursor, null, 'a snapshot comes to who has no cursor')
    this.#begin()
    assert(!this.picture.has(update.uid), 'a snapshot has each user once')
    this.picture.set(update.uid, update)
  }

  #update({ cursor, revoked, ...update }: { uid: string; cursor: string; revoked?: true }): void {
    const position = this.#cursors.read(cursor)
    assert(position !== null)
    assert(!(position <= (this.positions.at(-1) ?? 0)), 'what comes later stands later')
    this.positions.push(position)
    if (Number.isNaN(this.began)) this.began = position - 1
    this.#cursor = cursor
    if (revoked) this.picture.delete(update.uid)
    else this.picture.set(update.uid, update)
  }
}
