import t from 'tap'
import { createOtlpWriter } from '../../../plugins/service-process/src/otlp-message.ts'
import { endedSpan } from './support/ended-span.ts'

t.test('spans are the JSON that OTLP says, the second time as the first', async t => {
  const span = endedSpan({
    name: 'GET /ä"',
    scope: 'a "scope"',
    kind: 2,
    hasFailed: true,
    startMs: 1_800_000_000_000.25,
    endMs: 1_800_000_001_000,
    attributes: [
      ...['text', 'a"\n', 'whole', 3, 'part', 0.5, 'large', 1e300, 'yes', true, 'list', ['a', 'b']],
      ...['exception.message', 'canary']
    ],
    events: [{ name: 'exception', atMs: 0, attributes: ['exception.type', 'Error', 'exception.stacktrace', 'canary'] }],
    links: [{ traceId: '1'.repeat(32), spanId: '2'.repeat(16) }]
  })
  const write = createOtlpWriter({ 'service.name': 'x' }, () => 0)
  const [first, second] = [write([span]), write([span])]
  t.equal(second, first)
  t.notMatch(first, 'canary')
  t.match(JSON.parse(first), {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'x' } }] },
        scopeSpans: [
          {
            scope: { name: 'a "scope"' },
            spans: [
              {
                traceId: /^[0-9a-f]{32}$/,
                name: 'GET /ä"',
                kind: 3,
                startTimeUnixNano: '1800000000000250000',
                endTimeUnixNano: '1800000001000000000',
                attributes: [
                  { key: 'text', value: { stringValue: 'a"\n' } },
                  { key: 'whole', value: { intValue: '3' } },
                  { key: 'part', value: { doubleValue: 0.5 } },
                  { key: 'large', value: { doubleValue: 1e300 } },
                  { key: 'yes', value: { boolValue: true } },
                  { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } } }
                ],
                events: [{ name: 'exception', attributes: [{ key: 'exception.type' }] }],
                links: [{ traceId: '1'.repeat(32), spanId: '2'.repeat(16) }],
                status: { code: 2 }
              }
            ]
          }
        ]
      }
    ]
  })
})

t.test('P5: secrets in texts are hidden, remembered or not', async t => {
  const attributes = ['url.path', '/a?access_token=canary', 'note', 'Bearer canary0123456789', 'list', ['token=canary']]
  const spans = ['a', 'b'].map(name => endedSpan({ name, attributes }))
  t.notMatch(createOtlpWriter({ where: 'https://user:canary@host/' })(spans), 'canary')
})
