// No types are published for @xmpp/component 0.13; declared is what component-stream.ts uses.
declare module '@xmpp/component' {
  import type { EventEmitter } from 'node:events'
  import type { Socket } from 'node:net'

  export interface Element {
    readonly name: string
    readonly attrs: Record<string, string>
    toString(): string
  }

  export type Child = Element | string | number | null | undefined | readonly Child[]

  export function xml(name: string, attrs?: Record<string, string | undefined>, ...children: Child[]): Element

  export interface Component extends EventEmitter {
    socket: Socket | null
    timeout: number
    readonly reconnect: { stop(): void }
    connect(service: string): Promise<void>
    open(options: { domain: string; lang?: string }): Promise<Element>
    write(text: string): Promise<void>
    _onData(data: Buffer): void
    _status(status: string, ...args: unknown[]): void
  }

  export function component(options: { service: string; domain: string; password: string }): Component
}
