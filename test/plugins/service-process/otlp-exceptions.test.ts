import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { createExceptionLog } from '../../../plugins/service-process/src/exceptions/exception-log.ts'
import { openOtlpExceptionSink } from '../../../plugins/service-process/src/exceptions/otlp-exception-sink.ts'
import { otlpMistakes } from '../../../plugins/service-process/src/otlp-settings.ts'

const open = (settings: Parameters<typeof openOtlpExceptionSink>[0]['settings']) =>
  openOtlpExceptionSink({ settings, serviceName: 'order-service', tls: null, addresses: {} })

t.test('an exception is a log record of its trace, without what its message says', async t => {
  const received: Array<{ url?: string | undefined; token: unknown; body: unknown }> = []
  let status = 200
  const server = createServer(async (request, response) => {
    received.push({ url: request.url, token: request.headers['x-token'], body: await json(request) })
    response.writeHead(status).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const sink = open({
    otelExporterOtlpEndpoint: `http://127.0.0.1:${port}/`,
    otelLogsExporter: 'otlp',
    otelExporterOtlpHeaders: 'x-token=abc'
  })
  t.ok(sink)
  if (sink === null) return
  t.after(sink.close)
  const failed: unknown[] = []
  const reports: Array<Promise<void>> = []
  const exceptions = createExceptionLog({
    release: '1.2.3+abc',
    sinks: [],
    windowMs: 0,
    maxGroups: 10,
    clock: () => Date.UTC(2026, 0, 1),
    onSinkFailure: error => failed.push(error)
  })
  exceptions.addSink({
    report: async group => {
      const report = Promise.resolve(sink.report(group))
      reports.push(report)
      await report
    }
  })
  const note = async (): Promise<void> => {
    const place = { origin: 'request', route: 'GET /orders', traceId: 'a'.repeat(32) } as const
    exceptions.note(new TypeError('of canary'), place)
    await Promise.allSettled(reports)
    await new Promise(setImmediate)
  }
  await note()
  t.strictSame(failed, [])
  t.match(received, [{ url: '/v1/logs', token: 'abc' }])
  const text = JSON.stringify(received[0]?.body)
  t.notMatch(text, 'canary')
  for (const part of [
    'order-service',
    '1.2.3+abc',
    'TypeError',
    'GET /orders',
    '"severityNumber":17',
    'a'.repeat(32)
  ]) {
    t.match(text, part)
  }
  status = 503
  await note()
  t.match(failed, [{ message: 'The collector answered 503' }])
})

t.test('exceptions go to no collector unless the settings say so, and otlp needs its URL', t => {
  const otelExporterOtlpEndpoint = 'https://collector.example'
  t.equal(open({ otelExporterOtlpEndpoint }), null)
  t.equal(open({ otelExporterOtlpEndpoint, otelLogsExporter: 'otlp', otelSdkDisabled: true }), null)
  t.match(otlpMistakes({ otelLogsExporter: 'otlp' }), ['otelLogsExporter: otlp needs otelExporterOtlpEndpoint'])
  t.end()
})
