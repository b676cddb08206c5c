#!/usr/bin/env node
import { run } from './cli/run.js'
import { keepTickShape } from './ops/tick-shape.js'

keepTickShape(process.nextTick)

// The reader of our output went away, as `| head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
})

// What we write holds secrets and what users keep to themselves.
process.umask(0o077)

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  pid: process.pid,
  stop: stop.signal,
})
