import type { Context } from 'koa'
import { HttpFault } from '../fault.js'
import { readForm } from '../read-body.js'
import type { Visitor, Visitors } from '../visitors.js'
import { signInPath } from './local-path.js'
import { seeOther } from './see-other.js'

export type Fields = Readonly<Record<string, string>>

/** What stands before every page of somebody who is signed in. */
export class PageHandlers {
  readonly #visitors: Visitors

  constructor(visitors: Visitors) {
    this.#visitors = visitors
  }

  /** A page to look at: who is not signed in does that first, and comes back. */
  page = (show: (ctx: Context, visitor: Visitor) => Promise<void> | void) => {
    return async (ctx: Context): Promise<void> => {
      const visitor = await this.#visitors.visitor(ctx)
      if (visitor) await show(ctx, visitor)
      else seeOther(ctx, signInPath(ctx.url))
    }
  }

  /** A form that was sent. */
  form = (act: (ctx: Context, visitor: Visitor, fields: Fields) => Promise<void> | void) => {
    return async (ctx: Context): Promise<void> => {
      const find = async () => {
        const found = await this.#visitors.visitor(ctx)
        if (found) return found
        // Before whoever sends it from elsewhere hears more.
        this.#visitors.checkOrigin(ctx)
        throw new HttpFault(401, 110, 'nothing was changed: you are not signed in any more')
      }
      const visitor = await find()
      const fields = await this.#visitors.sent(ctx, readForm(ctx), find)
      await this.#visitors.checkForm(ctx, visitor, fields)
      await act(ctx, visitor, fields)
    }
  }
}
