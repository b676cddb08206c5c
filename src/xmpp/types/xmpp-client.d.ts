// No types are published for @xmpp/client 0.14; declared is what account-stream.ts and the tests use.
declare module '@xmpp/client' {
  import type { EventEmitter } from 'node:events'
  import type { Socket } from 'node:net'

  export type Child = Element | string | number | undefined | null | false | readonly Child[]
  export type Attributes = Record<string, string | number | undefined>

  export interface Element {
    name: string
    parent: Element | null
    attrs: Record<string, string | undefined>
    children: (Element | string)[]
    is(name: string, xmlns?: string): boolean
    getNS(): string | undefined
    getChild(name: string, xmlns?: string): Element | undefined
    getChildren(name: string, xmlns?: string): Element[]
    getChildText(name: string, xmlns?: string): string | null
    text(): string
    toString(): string
  }

  export interface Client extends EventEmitter {
    readonly status: string
    socket: Socket | null
    timeout: number
    readonly reconnect: { stop(): void }
    readonly iqCaller: { request(stanza: Element, timeoutMs?: number): Promise<Element> }
    start(): Promise<unknown>
    stop(): Promise<unknown>
    send(element: Element): Promise<void>
    connect(service: string): Promise<void>
    open(options: { domain: string; lang?: string }): Promise<unknown>
    write(text: string): Promise<void>
    _attachSocket(socket: Socket): void
    _onData(data: Buffer): void
    _status(status: string, ...args: unknown[]): void
  }

  export function client(options: {
    service: string
    domain: string
    credentials?: (
      authenticate: (credentials: { username: string; password: string }, mechanism: string) => Promise<void>,
    ) => Promise<void>
    resource?: string
  }): Client

  export function xml(name: string, attributes?: Attributes, ...children: Child[]): Element
}
