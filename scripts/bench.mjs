// npm run bench [-- status ingest memory sockets latency flood slowhttp not-found roster delivery fanout changes webhooks]: all its own set-up, then the benches named, or all.
import { spawn } from 'node:child_process'
import { PROSODY_PACKAGES, ROOT, setUp } from './setup.mjs'

setUp({ debian: [...PROSODY_PACKAGES, 'wrk', 'slowhttptest'] })

const bench = spawn(process.execPath, [`${ROOT}build/bench/main.js`, ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => bench.kill(signal))
bench.on('exit', (code) => process.exit(code ?? 1))
