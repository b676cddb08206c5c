import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export interface Asset {
  /** With a hash of what it is in its name, so that it may be kept for ever. */
  readonly path: string
  readonly type: string
  readonly body: Buffer
}

/** The icon, the stylesheet and the browser's code. Read once; no path that a client names is ever opened. */
export class Assets {
  readonly icon: Asset
  readonly style: Asset
  readonly script: Asset
  readonly #byPath: ReadonlyMap<string, Asset>

  private constructor(icon: Asset, style: Asset, script: Asset) {
    this.icon = icon
    this.style = style
    this.script = script
    this.#byPath = new Map([icon, style, script].map((asset) => [asset.path, asset]))
  }

  static load(): Assets {
    const simple = readFileSync(createRequire(import.meta.url).resolve('simpledotcss/simple.min.css'))
    const own = readFileSync(new URL('../assets/pages.css', import.meta.url))
    const script = readFileSync(new URL('../assets/comfort.js', import.meta.url))
    return new Assets(
      asset('icon', 'svg', 'image/svg+xml', readFileSync(new URL('../assets/icon.svg', import.meta.url))),
      asset('style', 'css', 'text/css; charset=utf-8', Buffer.concat([simple, Buffer.from('\n'), own])),
      asset('comfort', 'js', 'text/javascript; charset=utf-8', script),
    )
  }

  find(path: string): Asset | undefined {
    return this.#byPath.get(path)
  }
}

function asset(name: string, suffix: string, type: string, body: Buffer): Asset {
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16)
  return { path: `/assets/${name}-${hash}.${suffix}`, type, body }
}
