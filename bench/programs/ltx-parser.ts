// The yardstick for ingest: ltx, through the parser of @xmpp/xml (three times as fast as ltx's own, which keeps the whole tree).
import { StringDecoder } from 'node:string_decoder'
import Parser from '@xmpp/xml/lib/Parser.js'
import { answerCalls } from '../support/answer-calls.js'
import { presenceChunks } from '../support/presence-chunks.js'

let sent = 0

answerCalls({
  /** Presences a second. */
  parse({ users, count }: { users: number; count: number }): number {
    const chunks = [...presenceChunks(sent, count, users)].map((text) => Buffer.from(text))
    sent += count
    const decoder = new StringDecoder('utf8')
    const parser = new Parser()
    let presences = 0
    parser.on('element', () => presences++)
    parser.on('error', (error) => {
      throw error
    })
    const begin = performance.now()
    parser.write('<stream:stream>')
    for (const chunk of chunks) parser.write(decoder.write(chunk))
    const seconds = (performance.now() - begin) / 1000
    if (presences !== count) throw new Error(`ltx found ${presences} presences of ${count}`)
    return count / seconds
  },
})
