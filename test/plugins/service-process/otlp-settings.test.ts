import t from 'tap'
import { readPairs } from '@sallyport/security-context/mechanics'
import { otlpMistakes, tracesEndpoint } from '../../../plugins/service-process/src/otlp-settings.ts'

t.test('the path of traces is appended to the base URL, and not to a URL for traces', async t => {
  t.equal(tracesEndpoint({ otelExporterOtlpEndpoint: 'https://c.example/' }), 'https://c.example/v1/traces')
  t.equal(tracesEndpoint({ otelExporterOtlpTracesEndpoint: 'https://c.example/x' }), 'https://c.example/x')
  t.equal(tracesEndpoint({}), null)
  t.equal(tracesEndpoint({ otelExporterOtlpEndpoint: 'https://c.example', otelSdkDisabled: true }), null)
})

t.test('values of lists are percent-decoded', async t => {
  t.same(readPairs('a=b%20c, d=e=f'), { a: 'b c', d: 'e=f' })
  t.equal(readPairs('canary'), null)
  t.equal(readPairs('a=%zz'), null)
})

t.test('plain HTTP leaves the machine in no case, and no mistake tells a secret', async t => {
  t.same(otlpMistakes({ otelExporterOtlpEndpoint: 'http://127.0.0.1:4318' }), [])
  t.same(otlpMistakes({ otelExporterOtlpEndpoint: 'https://collector.example' }), [])
  const mistakes = [
    ...otlpMistakes({ otelExporterOtlpEndpoint: 'http://collector.example:4318' }),
    ...otlpMistakes({ otelExporterOtlpTracesEndpoint: 'https://user:canary@collector.example/v1/traces' }),
    ...otlpMistakes({ otelExporterOtlpTracesEndpoint: 'collector' }),
    ...otlpMistakes({ otelExporterOtlpHeaders: 'canary' })
  ]
  t.match(mistakes, [/plain HTTP would expose/, /more than an origin and a path/, /no URL of HTTP/, /no list of/])
  t.notMatch(mistakes.join('\n'), /canary/)
})
