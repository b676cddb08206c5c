import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Child } from './child.js'
import { findEjabberdLibraries } from './ejabberd.js'

const LUA = `
package.path = os.getenv("SOURCE") .. "/?.lua;" .. package.path
package.cpath = os.getenv("SOURCE") .. "/?.so;" .. package.cpath
local nodeprep = require "util.encodings".stringprep.nodeprep
local out = io.open(os.getenv("OUT"), "w")
for text in io.lines(os.getenv("IN")) do out:write(nodeprep(text) or "", "\\n") end
out:close()`

const ERLANG = `
{ok, _} = application:ensure_all_started(xmpp),
{ok, Texts} = file:read_file(os:getenv("IN")),
Prep = fun(Text) -> case jid:nodeprep(Text) of error -> <<>>; Name -> Name end end,
ok = file:write_file(os:getenv("OUT"), [[Prep(Text), $\\n] || Text <- binary:split(Texts, <<"\\n">>, [global])]),
halt().`

/** What the server's own code makes of local parts (without line feeds); null: it refuses. Needs no running server. */
export async function nodeprep(server: 'Prosody' | 'ejabberd', texts: readonly string[]): Promise<(string | null)[]> {
  const directory = await mkdtemp(join(tmpdir(), 'nodeprep-'))
  try {
    const files = { IN: join(directory, 'in'), OUT: join(directory, 'out') }
    await writeFile(files.IN, texts.join('\n'))
    const child = await (server === 'Prosody' ? runLua(files) : runErlang(files))
    const { code } = await child.exited
    if (code !== 0) throw new Error(`nodeprep of ${server} ended with ${code}: ${child.output}`)
    const lines = (await readFile(files.OUT, 'utf8')).split('\n')
    return texts.map((_, i) => lines[i] || null)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function runLua(files: Record<string, string>): Promise<Child> {
  const script = await readCommand('prosody')
  const interpreter = /^#!.*\b(lua[\d.]*)/.exec(script)?.[1] ?? 'lua'
  const SOURCE = /CFG_SOURCEDIR\s*=.*['"](.*)['"]/.exec(script)?.[1] ?? ''
  return new Child(interpreter, ['-e', LUA], { env: { ...process.env, ...files, SOURCE }, missing: 'Lua is missing' })
}

async function runErlang(files: Record<string, string>): Promise<Child> {
  const env = { ...process.env, ...files, ERL_LIBS: await findEjabberdLibraries() }
  return new Child('erl', ['-noinput', '-eval', ERLANG], { env, missing: 'Erlang is missing' })
}

async function readCommand(name: string): Promise<string> {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const script = await readFile(join(directory, name), 'utf8').catch(() => null)
    if (script !== null) return script
  }
  throw new Error(`${name} is not installed`)
}
