import { readTracingOptions, type TracingOptions } from './options.ts'
import { passTracesOn, recordTraces } from './pass-traces-on.ts'
import { sampleAsGiven } from './place-in-trace.ts'
import { SpanRecorder } from './span-recorder.ts'
import type { Tracing } from './tracing-contract.ts'

/**
 * Traces for this process, by plain hooks instead of module patching, so they work in ESM and in any import order.
 * Recording begins when the plugin is registered. Span attributes hold the path without the query, where tokens may be.
 * Without a processor nobody would see a span: then ids are made and passed on, and that is all ({@link passTracesOn}).
 * @see W3C Trace Context
 */
export function startTracing(given: TracingOptions): Tracing {
  const options = readTracingOptions(given)
  const { serviceName, spanProcessors, sampleTrace = sampleAsGiven } = options
  if (spanProcessors.length === 0) return passTracesOn(options)
  const recorder = new SpanRecorder(sampleTrace)
  return recordTraces(options, {
    serviceName,
    recorder,
    async prepare() {
      const { processorSink } = await import('./processor-sink.ts')
      recorder.addSink(processorSink(spanProcessors, serviceName))
    }
  })
}
