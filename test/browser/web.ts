import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { xml } from '@xmpp/client'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { type GatewayProcess, startGateway } from '../support/gateway-process.js'
import { freePorts } from '../support/ports.js'
import { startProsody } from '../support/prosody.js'
import type { XmppServer } from '../support/xmpp-server.js'
import { XmppUser } from '../support/xmpp-user.js'

export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export interface SignInLetter {
  readonly code: string
  readonly link: string
  readonly text: string
  readonly stanza: Awaited<ReturnType<XmppUser['nextStanza']>>
}

/** Prosody, its users, the gateway, somebody's application, and Chromium. */
export class Web {
  readonly gateway: GatewayProcess
  /** As everybody writes it. */
  readonly url: string
  readonly app: AppSite
  /** What browsers refused for our own policies' sake, and errors of our own script. */
  readonly complaints: string[] = []
  readonly #server: XmppServer
  readonly #browser: Browser
  readonly #users = new Map<string, XmppUser>()

  private constructor(server: XmppServer, gateway: GatewayProcess, url: string, app: AppSite, browser: Browser) {
    this.#server = server
    this.gateway = gateway
    this.url = url
    this.app = app
    this.#browser = browser
  }

  static async start(names: readonly string[]): Promise<Web> {
    const [port = 0] = await freePorts(1)
    // Cookies do not know ports: another host than the app's, as it would be.
    const url = `http://127.0.0.1:${port}`
    const server = await startProsody({ mode: 'privileged', users: [...names] })
    const gateway = await startGateway({
      server,
      config: { http: { port, publicUrl: url }, outbound: { allowPrivate: ['127.0.0.0/8'] } },
    })
    const app = await AppSite.start()
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS })
    const web = new Web(server, gateway, url, app, browser)
    for (const name of names) {
      const user = await XmppUser.login({ port: server.c2sPort, jid: `${name}@localhost` })
      await user.setPresence({ show: 'away', status: 'out for tea' })
      web.#users.set(name, user)
    }
    return web
  }

  async stop(): Promise<void> {
    await this.#browser.close()
    for (const user of this.#users.values()) await user.logout()
    this.app.stop()
    await this.gateway.stop()
    await this.#server.stop()
  }

  user(name: string): XmppUser {
    const user = this.#users.get(name)
    if (!user) throw new Error(`there is no ${name}`)
    return user
  }

  /** Somebody's browser, with its own cookies. */
  async browser(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    context.setDefaultTimeout(5_000)
    context.on('page', (page) => {
      page.on('dialog', (dialog) => dialog.accept())
      page.on('pageerror', (error) => this.complaints.push(String(error)))
      page.on('console', (message) => {
        if (/content security policy|refused to/i.test(message.text())) this.complaints.push(message.text())
      })
    })
    return context
  }

  /** What that user was sent when somebody asked to sign in as her. */
  async letter(name: string): Promise<SignInLetter> {
    const isLetter = ({ name, attrs }: { name: string; attrs: Record<string, string | undefined> }) =>
      name === 'message' && attrs.from === this.#server.componentDomain
    const stanza = await this.user(name).nextStanza(isLetter)
    const text = stanza.getChildText('body') ?? ''
    const code = /^\d{6}$/m.exec(text)?.[0] ?? ''
    const link = /^http\S+$/m.exec(text)?.[0] ?? ''
    return { code, link, text, stanza }
  }

  /** She says yes in a client that knows XEP-0070. */
  async confirm(name: string, asked: SignInLetter['stanza']): Promise<void> {
    const { id, method, url } = asked.getChild('confirm')?.attrs ?? {}
    await this.user(name).send(
      xml(
        'message',
        { to: asked.attrs.from, type: 'normal' },
        xml('thread', {}, asked.getChildText('thread') ?? ''),
        xml('confirm', { xmlns: 'http://jabber.org/protocol/http-auth', id, method, url }),
      ),
    )
  }

  /** From a page that asks who she is, by the code. */
  async signIn(page: Page, name: string): Promise<void> {
    await page.getByLabel('Your XMPP address').fill(`${name}@localhost`)
    await page.getByRole('button', { name: 'Send me the message' }).click()
    const { code } = await this.letter(name)
    await page.getByLabel('The code from the message').fill(code)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  }

  /** From `/myapps` to an app that may ask; returns its id. */
  async activeApp(page: Page, name: string, description = ''): Promise<string> {
    await page.goto(`${this.url}/myapps`)
    await page.getByLabel('Domain', { exact: true }).fill(this.app.domain)
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Description').fill(description)
    await page.getByRole('button', { name: 'Register' }).click()
    this.app.proof = await page.getByRole('textbox', { name: 'The text to put there' }).inputValue()
    await page.getByRole('button', { name: 'Verify' }).click()
    await page.getByRole('button', { name: 'Activate' }).click()
    await page.getByRole('link', { name: 'I have it' }).click()
    return (await page.locator('#appid').textContent()) ?? ''
  }

  consentUrl(appid: string, scope = 'status details address'): string {
    const query = new URLSearchParams({ redirect: `${this.app.url}/back`, state: 'st&te=1', scope })
    return `${this.url}/${appid}/grant?${query}`
  }
}

/** Somebody's application on a host of its own. */
export class AppSite {
  /** At `/__presence`. */
  proof = ''
  /** At `/`: what its page leads to. */
  consentUrl = ''
  readonly #server: Server
  #port = 0

  private constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? ''
      const isProof = path === '/__presence'
      response.setHeader('Content-Type', isProof ? 'text/plain' : 'text/html')
      response.end(isProof ? `\n${this.proof}\n` : path.startsWith('/back') ? BACK : this.#front())
    })
  }

  static async start(): Promise<AppSite> {
    const site = new AppSite()
    await new Promise<void>((resolve) => site.#server.listen(0, '127.0.0.1', resolve))
    site.#port = (site.#server.address() as AddressInfo).port
    return site
  }

  get domain(): string {
    return `127.0.0.1:${this.#port}`
  }

  get url(): string {
    return `http://${this.domain}`
  }

  stop(): void {
    this.#server.close()
  }

  #front(): string {
    const consent = this.consentUrl.replaceAll('&', '&amp;')
    return `<!doctype html><title>Lunch Finder</title>
<a href="${consent}">Let us see you</a>
<button onclick="open('${consent}', 'presence', 'popup,width=480,height=720')">In a pop-up</button>
<iframe src="${consent}" title="framed"></iframe>
<p id="told"></p>
<script>addEventListener('message', (event) => { document.getElementById('told').textContent = event.data })</script>`
  }
}

const BACK = `<!doctype html><title>Back</title><h1>Welcome back</h1>
<script>if (opener) { opener.postMessage(location.search, location.origin); close() }</script>`
