import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from '../support/repository.js'

describe('config/presence-gateway.service', () => {
  const lines = readFileSync(join(REPOSITORY, 'config', 'presence-gateway.service'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const settings = new Map(
    lines.filter((line) => !line.startsWith('[')).map((line) => line.split(/=(.*)/s) as [string, string]),
  )

  it('has its three sections', () => {
    assert.deepEqual(
      lines.filter((line) => line.startsWith('[')),
      ['[Unit]', '[Service]', '[Install]'],
    )
  })

  it('starts the gateway with the configuration that it is handed', () => {
    assert.match(
      settings.get('ExecStart') ?? '',
      /^\/\S+\/presence-gateway start --config \$\{CREDENTIALS_DIRECTORY\}\/gateway\.yaml$/,
    )
    assert.equal(settings.get('LoadCredential'), 'gateway.yaml:/etc/presence-gateway/gateway.yaml')
    assert.equal(settings.get('StateDirectory'), 'presence-gateway')
  })

  it('does not start again with a configuration that is wrong', () => {
    assert.equal(settings.get('RestartPreventExitStatus'), '2')
  })
})
