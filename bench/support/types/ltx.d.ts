declare module '@xmpp/xml/lib/Parser.js' {
  import type { EventEmitter } from 'node:events'

  /** ltx with elements: what @xmpp/component reads its stream with. */
  class Parser extends EventEmitter {
    write(text: string): void
  }
  export = Parser
}
