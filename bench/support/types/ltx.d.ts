declare module '@xmpp/xml/lib/Parser.js' {
  import type { EventEmitter } from 'node:events'

  /** ltx with elements: what @xmpp/component reads its stream with. */
  class Parser extends EventEmitter {
    write(text: string): void
  }
  export = Parser
}

declare module 'ltx' {
  import type { EventEmitter } from 'node:events'

  /** Reads one document and keeps all of it. */
  export class Parser extends EventEmitter {
    readonly tree: { readonly children: readonly unknown[] } | undefined
    write(text: string): void
    end(): void
  }
}
