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
    readonly socket: Socket | null
    readonly reconnect: { stop(): void }
    readonly iqCaller: { request(stanza: Element, timeoutMs?: number): Promise<Element> }
    start(): Promise<unknown>
    stop(): Promise<unknown>
    send(element: Element): Promise<void>
    write(text: string): Promise<void>
  }

  export function client(options: {
    service: string
    domain: string
    credentials: (
      authenticate: (credentials: { username: string; password: string }, mechanism: string) => Promise<void>,
    ) => Promise<void>
    resource?: string
  }): Client

  export function xml(name: string, attributes?: Attributes, ...children: Child[]): Element
}
