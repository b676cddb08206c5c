import { isIP } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { domainToASCII } from 'node:url'
import { type Client, client } from '@xmpp/client'
import { xml } from '@xmpp/component'
import type { Clock } from '../presence/clock.js'
import { parseStanzaJid } from '../presence/jid.js'
import { GuardedStream, type StreamHandler, type StreamOptions } from './guarded-stream.js'
import { Scram, type ScramMechanism } from './scram.js'
import type { XmlElement } from './xml-element.js'

export interface AccountStreamOptions extends StreamOptions {
  readonly username: string
  readonly password: string
  /** The server is on this machine: what is said to it needs no TLS, nor a certificate. */
  readonly loopback: boolean
}

export interface AccountStreamHandler extends StreamHandler {
  /** From here on nobody in between can read along. */
  secured(): void
}

const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls'
const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
const NS_BIND = 'urn:ietf:params:xml:ns:xmpp-bind'
const STREAMS_NS = 'http://etherx.jabber.org/streams'
// The best first.
const MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'] as const

/**
 * One life of a client's connection (RFC 6120): TLS, SASL, a resource. The library's own steps are left out: they take any
 * number of SCRAM rounds, do not ask for the server's proof, and check certificates for names of ASCII only.
 */
export class AccountStream extends GuardedStream {
  declare protected readonly entity: Client
  readonly #options: AccountStreamOptions
  readonly #handler: AccountStreamHandler
  /** Hard to guess. */
  readonly #id: string
  #secured = false
  #challenged = false
  #authenticated = false
  #scram: Scram | null = null

  constructor(options: AccountStreamOptions, id: string, clock: Clock, handler: AccountStreamHandler) {
    const { service, domain } = options
    super(client({ service, domain }), options, clock, handler)
    this.#options = options
    this.#id = id
    this.#handler = handler
  }

  /** Opening ends with the server's features, which come right after its header. */
  protected override opened(): void {}

  protected override negotiate(element: XmlElement): void {
    if (element.ns === STREAMS_NS && element.name === 'features' && this.state === 'opening')
      return this.#choose(element)
    if (element.ns === NS_TLS && this.state === 'securing') return this.#secure(element)
    if (element.ns === NS_SASL && this.state === 'authenticating') return this.#authenticate(element)
    if (element.name === 'iq' && this.state === 'binding' && element.attrs.id === this.#id) return this.#bound(element)
    this.end(`the server says ${element.name.slice(0, 100)} while ${this.state}`)
  }

  #choose(features: XmlElement): void {
    if (this.#authenticated) return this.#bind(features)
    const offered = features.child('mechanisms', NS_SASL)?.children.map(({ text }) => text) ?? []
    const mechanism = MECHANISMS.find((name) => offered.includes(name))
    const mayAuthenticate = this.#secured || this.#options.loopback
    if (mayAuthenticate && mechanism) return this.#begin(mechanism)
    if (!this.#secured && features.child('starttls', NS_TLS)) {
      this.step('securing')
      return this.#say(xml('starttls', { xmlns: NS_TLS }))
    }
    this.end(mayAuthenticate ? `no way to authenticate but ${offered.join(', ').slice(0, 200)}` : 'no TLS offered')
  }

  #secure(element: XmlElement): void {
    if (element.name !== 'proceed') return this.end('TLS refused')
    const { domain, loopback } = this.#options
    const { entity } = this
    if (!entity.socket) return
    const name = domainToASCII(domain) || domain
    // Its certificate must be for the account's domain, wherever the service is (RFC 6120 §13.7.2).
    const tls = connectTls({
      socket: entity.socket,
      host: name,
      ...(isIP(name) === 0 && { servername: name }),
      rejectUnauthorized: !loopback,
    })
    tls.on('error', (error: Error & { code?: string }) => this.end(`TLS: ${error.message} (${error.code ?? ''})`))
    tls.once('secureConnect', () => {
      if (this.state !== 'securing') tls.destroy()
      else this.#securedBy(tls)
    })
  }

  #securedBy(tls: TLSSocket): void {
    this.#secured = true
    this.#handler.secured()
    this.entity._attachSocket(tls)
    this.restart()
  }

  #begin(mechanism: (typeof MECHANISMS)[number]): void {
    const { username, password } = this.#options
    this.step('authenticating')
    this.#scram = mechanism === 'PLAIN' ? null : this.#newScram(mechanism)
    const first = this.#scram?.first() ?? `\0${username}\0${password}`
    this.#say(xml('auth', { xmlns: NS_SASL, mechanism }, base64(first)))
  }

  #newScram(mechanism: ScramMechanism): Scram {
    const { username, password } = this.#options
    return new Scram(mechanism, username, password, this.#id)
  }

  #authenticate(element: XmlElement): void {
    const said = Buffer.from(element.text, 'base64').toString()
    switch (element.name) {
      case 'challenge':
        return this.#answer(said)
      case 'success':
        // Whoever pretends to be the server says this, too.
        if (this.#scram && !this.#scram.proves(said))
          return this.end('the server does not prove that it knows the password')
        this.#authenticated = true
        return this.restart()
      default:
        return this.refused(element)
    }
  }

  #answer(challenge: string): void {
    const scram = this.#scram
    if (!scram || this.#challenged) return this.end('the server asks for more than the password')
    this.#challenged = true
    scram.answer(challenge).then(
      (answer) => {
        if (this.state === 'authenticating') this.#say(xml('response', { xmlns: NS_SASL }, base64(answer)))
      },
      (error: Error) => this.fail(error),
    )
  }

  #bind(features: XmlElement): void {
    if (!features.child('bind', NS_BIND)) return this.end('no resource to be had')
    this.step('binding')
    const resource = xml('resource', {}, `presence-gateway.${this.#id.slice(0, 8)}`)
    this.#say(xml('iq', { type: 'set', id: this.#id }, xml('bind', { xmlns: NS_BIND }, resource)))
  }

  #bound(iq: XmlElement): void {
    const address = iq.child('bind', NS_BIND)?.child('jid')?.text ?? ''
    if (iq.attrs.type === 'result' && parseStanzaJid(address)?.resource) return this.online(address)
    const error = iq.child('error')
    if (error) return this.refused(error)
    this.end('no resource given')
  }

  #say(element: ReturnType<typeof xml>): void {
    this.entity.write(element.toString()).catch((error: Error) => this.fail(error))
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
