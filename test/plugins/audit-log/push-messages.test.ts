// What is pushed, byte by byte: no text of a row ends a message, or pretends to be one.
import fc from 'fast-check'
import t from 'tap'
import { otlpLogs } from '../../../plugins/audit-log/src/push/otlp-logs.ts'
import { bareRow } from '../../../plugins/audit-log/src/push/pushed-row.ts'
import { syslogMessage } from '../../../plugins/audit-log/src/push/syslog-message.ts'
import type { SealedRecord } from '../../../plugins/audit-log/src/query.ts'
import { parseSyslog } from '../../support/syslog-server.ts'
import { sampleRecord } from '../../support/sample-record.ts'

const FORM = { hostname: 'orders-1', enterpriseId: '32473', maxBytes: 8192 }
const HOSTILE = [
  'a\r\n<106>1 2026-01-01T00:00:00Z evil evil - - - forged',
  '"] [forged@1 x="',
  '\\"\\]\\\\',
  'nul\0nul',
  'lone\ud800 and \udfff',
  '\u202eevil\u2066\u200b\u{e0041}',
  '\u001b[2J\u009b31m',
  '99 <106>1 - - - - - - x',
  'é€😀'.repeat(2000),
  'y'.repeat(1_048_576)
]

const rowWith = (text: string): SealedRecord => ({
  ...sampleRecord('order.cancel'),
  ...{ sequence: 7, chainHash: 'ab'.repeat(32), outcome: 'denied', traceId: text },
  ...{ process: text, action: text, reason: text, subject: text, resourceType: text, resourceId: text, txn: text },
  detail: { [text]: [text, { text }] },
  sealed: 'key:ciphertext'
})
/** What a viewer obeys, hides or reorders. */
const OBEYED = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u

t.test('a row is a message of RFC 5424, with what it is searched by as structured data', async t => {
  const row = { ...sampleRecord('order.cancel'), sequence: 7, chainHash: 'ab'.repeat(32), resourceId: 'o-"1]' }
  const message = parseSyslog(syslogMessage(row, FORM))
  t.match(message, {
    priority: 13 * 8 + 6,
    timestamp: '2026-11-23T10:00:00.123000Z',
    ...{ hostname: 'orders-1', appName: 'test', messageId: 'order.cancel', dataId: 'sallyport@32473' },
    parameters: { id: row.id, sequence: '7', outcome: 'success', subject: 'user-1', resourceId: 'o-"1]', repeats: '1' }
  })
  t.match(JSON.parse(message.text), { id: row.id, sequence: 7, detail: { canary: 'in clear' } })
  t.equal(parseSyslog(syslogMessage({ ...row, outcome: 'denied' }, FORM)).priority, 13 * 8 + 4)
  t.equal(parseSyslog(syslogMessage({ ...row, outcome: 'failure' }, FORM)).priority, 13 * 8 + 3)
})

t.test('hostile text neither ends a syslog message nor forges one, and none is too long', async t => {
  for (const hostile of HOSTILE) {
    for (const maxBytes of [4096, 8192]) {
      const bytes = syslogMessage(rowWith(hostile), { ...FORM, maxBytes })
      const message = parseSyslog(bytes)
      t.ok(bytes.length <= maxBytes, `${bytes.length} bytes`)
      t.notMatch(bytes.toString().replace(' \ufeff', ' '), OBEYED)
      t.same(Object.keys(message.parameters).length, 11, 'no parameter more than the row has')
      t.match(JSON.parse(message.text), { sequence: 7 })
      t.notMatch(message.text, 'ciphertext')
    }
  }
  const cut = parseSyslog(syslogMessage(rowWith('y'.repeat(700)), FORM))
  t.match(JSON.parse(cut.text), { detail: { truncated: true, bytes: Number, sha256: /^[0-9a-f]{64}$/ } })
})

t.test('any text at all is one message, and one record of OTLP', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), text => {
      const row = rowWith(text)
      const { parameters } = parseSyslog(syslogMessage(row, FORM))
      if (parameters.id !== row.id || parameters.sequence !== '7') return false
      const [logs] = JSON.parse(otlpLogs([row, row], { 'service.name': text })).resourceLogs
      return logs.scopeLogs[0].logRecords.length === 2
    }),
    { numRuns: 50 }
  )
})

t.test('a row is a log record of OTLP, whose id tells a second copy of it', async t => {
  const row = {
    ...sampleRecord('order.cancel'),
    ...{ sequence: 7, chainHash: 'ab'.repeat(32), traceId: 'c0'.repeat(16), sealed: 'key:ciphertext' }
  }
  const message = otlpLogs([row], { 'service.name': 'orders' })
  t.notMatch(message, 'ciphertext')
  t.match(JSON.parse(message).resourceLogs, [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'orders' } }] },
      scopeLogs: [
        {
          logRecords: [
            {
              timeUnixNano: `${Date.parse('2026-11-23T10:00:00.123Z')}000000`,
              severityNumber: 9,
              eventName: 'sallyport.audit',
              body: { stringValue: 'order.cancel success' },
              traceId: 'c0'.repeat(16)
            }
          ]
        }
      ]
    }
  ])
  const { attributes } = JSON.parse(message).resourceLogs[0].scopeLogs[0].logRecords[0]
  const found = (key: string) => attributes.find((each: { key: string }) => each.key === key)?.value
  t.same(found('log.record.uid'), { stringValue: row.id })
  t.same(found('sallyport.audit.sequence'), { intValue: '7' })
  t.same(found('sallyport.audit.detail'), { stringValue: '{"canary":"in clear"}' })
  for (const hostile of HOSTILE) {
    const text = otlpLogs([rowWith(hostile)], {})
    t.notMatch(text, OBEYED)
    t.notMatch(text, /[^\\]\\ud800/, 'no half of a character')
    t.equal(JSON.parse(text).resourceLogs[0].scopeLogs[0].logRecords.length, 1)
  }
})

t.test('what takes the place of a refused row has nothing that somebody chose', async t => {
  const row = rowWith('chosen')
  const bare = bareRow({ ...row, process: 'orders' })
  t.notMatch(JSON.stringify(bare), 'chosen')
  t.match(bare, { id: row.id, sequence: 7, outcome: 'denied', detail: { refused: { sha256: /^[0-9a-f]{64}$/ } } })
})
