import type { TlsMaterial } from '@sallyport/secure-transport'
import type { Measurement } from '@sallyport/security-context'
import type { Knex } from 'knex'
import type { DiscoveryLog } from './options.ts'
import { spanMeasurements } from './measure-spans.ts'
import { openOtlpExporter } from './otlp-exporter.ts'
import { SAMPLERS, type SamplerName } from './otlp-settings.ts'
import type { ProcessSettings } from './settings.ts'
import { SpanBatches } from './span-batches.ts'
import { followStatements } from './statement-spans.ts'
import { passTracesOn, recordTraces } from './pass-traces-on.ts'
import { traceSampler } from './sample-traces.ts'
import { SpanRecorder } from './span-recorder.ts'
import type { Tracing } from './tracing-contract.ts'
import { trustedProxyRule } from './trusted-proxies.ts'

/** How long the end of a process waits for the last spans, in ms. */
const LAST_EXPORT_MS = 2000

/** The tracer of a process by its settings. */
export interface OpenTracing {
  readonly tracing: Tracing
  /** Makes spans of the statements of a pool; nothing where no spans are recorded. */
  readonly followDatabase: (database: Knex, databaseUrl: string) => void
  /** What became of the spans; empty where none are recorded. */
  readonly measurements: readonly Measurement[]
}

/** What a tracer is opened with. */
export interface OpenTracingFacts {
  readonly name: string
  readonly settings: ProcessSettings
  readonly acceptTraces: boolean
  readonly tls: TlsMaterial | null
  readonly addresses: Readonly<Record<string, string>>
  readonly log: DiscoveryLog
  /** How long the end of a process waits for the last spans, in ms. */
  readonly lastExportMs?: number
}

/** Starts tracing as the settings say: with an exporter where they name a collector, else ids are only passed on. */
export function openTracing(facts: OpenTracingFacts): OpenTracing {
  const { name, settings, acceptTraces, log, lastExportMs = LAST_EXPORT_MS } = facts
  const serviceName = settings.otelServiceName ?? name
  const policy = {
    acceptIncoming: acceptTraces,
    ...(settings.acceptProxyTraces === true && { trustsPeer: trustedProxyRule(settings.trustedProxies) })
  }
  const exporter = openOtlpExporter({ ...facts, serviceName })
  if (exporter === null) {
    return { tracing: passTracesOn(policy), followDatabase: () => {}, measurements: [] }
  }
  const batches = new SpanBatches({
    send: exporter.send,
    delayMs: settings.otelBspScheduleDelay ?? 5000,
    maxQueued: settings.otelBspMaxQueueSize ?? 2048,
    maxBatch: settings.otelBspMaxExportBatchSize ?? 512,
    log
  })
  const sampler = samplerName(settings.otelTracesSampler)
  const sample = traceSampler(sampler, settings.otelTracesSamplerArg ?? 1)
  const recorder = new SpanRecorder(sample, ...(sampler === 'always_off' ? [] : [batches]))
  const tracing = recordTraces(policy, { serviceName, recorder })
  return {
    tracing: {
      ...tracing,
      async close() {
        // A collector that does not answer fails what is under way, and the process ends.
        const giveUp = setTimeout(() => {
          exporter.close().catch(() => {})
        }, lastExportMs)
        await tracing.close()
        clearTimeout(giveUp)
        await exporter.close()
      }
    },
    followDatabase: (database, databaseUrl) => {
      followStatements(recorder, database, databaseUrl)
    },
    measurements: spanMeasurements(() => batches.counts())
  }
}

function samplerName(given: string | undefined): SamplerName {
  return SAMPLERS.find(name => name === given) ?? 'parentbased_always_on'
}
