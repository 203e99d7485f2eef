import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import t from 'tap'
import { createOtlpWriter } from '../../../plugins/service-process/src/otlp-message.ts'

t.test('spans are the JSON that OTLP says, the second time as the first', async t => {
  const exporter = new InMemorySpanExporter()
  const tracer = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('a "scope"')
  const span = tracer.startSpan('GET /ä"', { kind: SpanKind.CLIENT, startTime: [1_800_000_000, 7] })
  span.setAttributes({ text: 'a"\n', whole: 3, part: 0.5, large: 1e300, yes: true, list: ['a', 'b'], none: undefined })
  span.setAttribute('exception.message', 'canary')
  span.addEvent('exception', { 'exception.type': 'Error', 'exception.stacktrace': 'canary' })
  span.addLink({ context: { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 } })
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'canary' })
  span.end([1_800_000_001, 0])
  const write = createOtlpWriter({ 'service.name': 'x' })
  const [first, second] = [write(exporter.getFinishedSpans()), write(exporter.getFinishedSpans())]
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
                startTimeUnixNano: '1800000000000000007',
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
  const exporter = new InMemorySpanExporter()
  const tracer = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('scope')
  const attributes = { 'url.path': '/a?access_token=canary', note: 'Bearer canary0123456789', list: ['token=canary'] }
  for (const name of ['a', 'b']) tracer.startSpan(name, { attributes }).end()
  t.notMatch(createOtlpWriter({ where: 'https://user:canary@host/' })(exporter.getFinishedSpans()), 'canary')
})
