import t from 'tap'
import { parseRetryAfter, retryAfter, waitSeconds, withRetryAfter } from '@sallyport/security-context/mechanics'

const NOW = Date.parse('2026-11-25T12:00:00Z')

t.test('the header has whole seconds, none below zero and at most an hour', t => {
  for (const [seconds, expected] of [
    [7, '7'],
    [0.2, '1'],
    [0, '0'],
    [-3, '0'],
    [1.01, '2'],
    [86_400, '3600'],
    [Number.POSITIVE_INFINITY, '3600'],
    [Number.NaN, '5'],
    [undefined, '5']
  ] as const) {
    t.strictSame(retryAfter(seconds), { 'retry-after': expected }, String(seconds))
  }
  t.ok(Object.isFrozen(retryAfter()))
  t.end()
})

t.test('a header is read as seconds or as a date, and bounded alike', t => {
  for (const [value, expected] of [
    ['30', 30],
    ['0', 0],
    ['-1', 0],
    ['999999999', 3600],
    ['Wed, 25 Nov 2026 12:00:10 GMT', 10],
    ['Wed, 25 Nov 2026 11:00:00 GMT', 0],
    ['soon', null],
    ['', null],
    [['1', '2'], null],
    [null, null],
    [undefined, null]
  ] as const) {
    t.equal(parseRetryAfter(value, NOW), expected, String(value))
  }
  t.end()
})

t.test('an error says when to try again in a member and in the header of its answer', t => {
  const error = new Error('busy')
  t.equal(withRetryAfter(error, 2.5), error)
  t.match(error, { retryAfterSeconds: 3, headers: { 'retry-after': '3' } })
  t.equal(waitSeconds(error), 3)
  t.equal(waitSeconds(Object.assign(new Error('foreign'), { retryAfterSeconds: 0.5 })), 1)
  for (const silent of [new Error('plain'), Object.assign(new Error('odd'), { retryAfterSeconds: '9' }), null]) {
    t.equal(waitSeconds(silent), 5)
  }
  t.end()
})
