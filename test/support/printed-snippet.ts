import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from './repository.js'

/** As docs/app-developers.md prints it, under that file name in its first line, but for `here`: what stands for the reader's own. */
export function printedSnippet(file: string, here: Readonly<Record<string, string>>): string {
  const docs = readFileSync(join(REPOSITORY, 'docs', 'app-developers.md'), 'utf8')
  const blocks = [...docs.matchAll(/^```\w+\n([\s\S]*?)\n```$/gm)].map(([, code = '']) => code)
  let code = blocks.find((block) => new RegExp(`^(//|#|<!--) ${file}[ ;,]`).test(block))
  if (code === undefined) throw new Error(`docs/app-developers.md prints no ${file}`)
  for (const [theirs, ours] of Object.entries(here)) {
    if (!code.includes(theirs)) throw new Error(`${file} has no ${theirs}`)
    code = code.replaceAll(theirs, ours)
  }
  return code
}
