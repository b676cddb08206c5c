// The yardsticks for ingest: ltx's own parser, and the one that @xmpp/xml made of ltx, which is faster since it keeps no tree.
import { StringDecoder } from 'node:string_decoder'
import XmppParser from '@xmpp/xml/lib/Parser.js'
import { Parser } from 'ltx'
import { answerCalls } from '../support/answer-calls.js'
import { presenceChunks } from '../support/presence-chunks.js'

// A document of so many keeps the collector of its tree out of the measurement.
const PRESENCES_A_DOCUMENT = 2000

let sent = 0

answerCalls({
  /** Presences a second. */
  ltx({ users, count }: { users: number; count: number }): number {
    let seconds = 0
    for (let done = 0; done < count; done += PRESENCES_A_DOCUMENT) {
      const chunks = next(Math.min(PRESENCES_A_DOCUMENT, count - done), users)
      const decoder = new StringDecoder('utf8')
      const parser = new Parser()
      const begin = performance.now()
      parser.write('<stream>')
      for (const chunk of chunks) parser.write(decoder.write(chunk))
      parser.write('</stream>')
      parser.end()
      seconds += (performance.now() - begin) / 1000
      const found = parser.tree?.children.length
      if (found !== Math.min(PRESENCES_A_DOCUMENT, count - done)) throw new Error(`ltx found ${found} presences`)
    }
    return count / seconds
  },

  /** The same. */
  xmppXml({ users, count }: { users: number; count: number }): number {
    const chunks = next(count, users)
    const decoder = new StringDecoder('utf8')
    const parser = new XmppParser()
    let presences = 0
    parser.on('element', () => presences++)
    parser.on('error', (error) => {
      throw error
    })
    const begin = performance.now()
    parser.write('<stream:stream>')
    for (const chunk of chunks) parser.write(decoder.write(chunk))
    const seconds = (performance.now() - begin) / 1000
    if (presences !== count) throw new Error(`@xmpp/xml found ${presences} presences of ${count}`)
    return count / seconds
  },
})

function next(count: number, users: number): Buffer[] {
  const chunks = [...presenceChunks(sent, count, users)].map((text) => Buffer.from(text))
  sent += count
  return chunks
}
