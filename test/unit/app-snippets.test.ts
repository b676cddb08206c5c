import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { appSnippets } from '../../src/http/pages/app-snippets.js'

describe('The snippets for an app', () => {
  it('are the same on its page and in the docs', () => {
    const docs = readFileSync(new URL('../../../docs/app-developers.md', import.meta.url), 'utf8')
    for (const { code } of appSnippets(
      'app_KqoKbFBfXGBgmmJVQqH7RbGI',
      'app.example.org',
      'https://presence.example.org',
    )) {
      assert(docs.includes(`\`\`\`js\n${code}\n\`\`\`\n`), code)
    }
  })
})
