import assert from 'node:assert/strict'
import type { HttpAnswer } from '../../src/roster/http-client.js'
import { readUpstreamAnswer } from '../../src/roster/upstream-answer.js'
import { rosterCall, upstreamFault } from '../../src/roster/upstream-call.js'
import { jid } from './users.js'

const ok = (body: string): HttpAnswer => ({ kind: 'answer', status: 200, body })

/** What a web app answers → what is wrong with it. */
const FAILURES: [string, HttpAnswer, string, string][] = [
  ['none', { kind: 'failed', why: 'it refuses the connection' }, 'unreachable', 'it refuses the connection'],
  ['an error', { kind: 'answer', status: 500, body: '{}' }, 'status', 'it answers 500'],
  ['a redirect', { kind: 'answer', status: 302, body: '' }, 'status', 'it answers 302'],
  ['no content', { kind: 'answer', status: 204, body: '' }, 'status', 'it answers 204'],
  ['nothing', ok(' \n'), 'invalid', 'it answers nothing'],
  ['a login page', ok('\n<!DOCTYPE html><html></html>'), 'invalid', 'its answer is HTML or XML'],
  ['broken JSON', ok('{"a@h":{}'), 'invalid', 'its answer is no JSON'],
  ['an array', ok('["a@h"]'), 'invalid', 'its answer is no JSON object'],
  ['null', ok('null'), 'invalid', 'its answer is no JSON object'],
  [
    'an error as JSON',
    ok('{"error":"no database"}'),
    'invalid',
    'nothing in its answer is a contact: "error" is no JID of a contact',
  ],
  [
    'contacts that are no JIDs',
    ok('{"Marie":{},"a b@h":{}}'),
    'invalid',
    'nothing in its answer is a contact: "Marie" is no JID of a contact',
  ],
  [
    'a roster inside something',
    ok('{"contacts":{"a@h":{}}}'),
    'invalid',
    'nothing in its answer is a contact: "contacts" is no JID of a contact',
  ],
]

describe('The answer of an upstream', () => {
  for (const [what, answer, failure, why] of FAILURES) {
    it(`that is ${what} is a failure`, () => {
      assert.deepEqual(readUpstreamAnswer(answer), { kind: 'failed', failure, why })
    })
  }

  it('is a roster without what is no contact in it', () => {
    const answer = readUpstreamAnswer(ok('{"a@h":{"groups":["x"]},"Marie":{}}'))
    assert.deepEqual(answer, {
      kind: 'roster',
      roster: new Map([['a@h', { name: null, groups: ['x'] }]]),
      faults: [{ entry: 'Marie', why: 'is no JID of a contact' }],
    })
  })

  for (const body of ['{}', '[]']) {
    it(`is an empty roster: ${body}`, () => {
      assert.deepEqual(readUpstreamAnswer(ok(body)), { kind: 'roster', roster: new Map(), faults: [] })
    })
  }

  it('may be that there is no such user', () => {
    for (const status of [404, 410]) {
      assert.deepEqual(readUpstreamAnswer({ kind: 'answer', status, body: '<h1>' }), { kind: 'unknown-user' })
    }
  })
})

describe('The URL of an upstream', () => {
  const TABLE: [string, string, string | null][] = [
    ['https://app.example.org/contacts/%s', 'alice', 'https://app.example.org/contacts/alice'],
    [
      'http://a:b@127.0.0.1:3000/c?user=%s&x=1',
      'grüß?&#/',
      'http://a:b@127.0.0.1:3000/c?user=gr%C3%BC%C3%9F%3F%26%23%2F&x=1',
    ],
    ['http://h/%s.json', '..', 'http://h/...json'],
    ['http://h/contacts/%s', '%2e%2e', 'http://h/contacts/%252e%252e'],
    ['http://h/contacts/%s', '..', null],
    ['http://h/contacts/%s', '.', null],
    ['http://h/contacts/%s/all', '..', null],
    ['http://h/contacts/%s', '$&', 'http://h/contacts/%24%26'],
    ['http://h/contacts/%s', 'space\\20cadet', 'http://h/contacts/space%5C20cadet'],
  ]
  for (const [template, name, url] of TABLE) {
    it(`${template} for ${name} is ${url ?? 'none'}`, () => {
      assert.equal(rosterCall(template, jid(`${name}@example.org`))?.url.href ?? null, url)
    })
  }

  const FAULTS: [string, RegExp | null][] = [
    ['https://app.example.org/contacts/%s', null],
    ['http://h/?u=%s', null],
    ['http://h/a%20b/%s', null],
    ['http://h/contacts', /must have one %s/],
    ['http://h/%s/%s', /must have one %s/],
    ['ftp://h/%s', /is not an http/],
    ['/contacts/%s', /is not an http/],
    ['http://%s/contacts', /in the path or the query/],
    ['http://%s@h/contacts', /in the path or the query/],
    ['http://h/#%s', /in the path or the query/],
  ]
  for (const [template, fault] of FAULTS) {
    it(`${fault ? 'cannot' : 'can'} be ${template}`, () => {
      const said = upstreamFault(template)
      if (fault) assert.match(said ?? '', fault)
      else assert.equal(said, null)
    })
  }
})
