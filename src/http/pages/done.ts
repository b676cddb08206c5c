import type { Context } from 'koa'
import type { Done } from './form.js'

/** That page, telling what was done: to be answered to a form. */
export function doneAt(path: string, done: string): string {
  return `${path}?done=${done}#done`
}

/** What such an URL tells. */
export function doneOf({ query, method }: Context, words: Readonly<Record<string, Done>>): Done | null {
  const { done } = query
  return (method === 'GET' && typeof done === 'string' && Object.hasOwn(words, done) && words[done]) || null
}
