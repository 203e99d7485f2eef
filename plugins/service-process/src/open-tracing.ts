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
import { startTracing } from './tracing.ts'
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
export async function openTracing(facts: OpenTracingFacts): Promise<OpenTracing> {
  const { name, settings, acceptTraces, log, lastExportMs = LAST_EXPORT_MS } = facts
  const options = {
    serviceName: settings.otelServiceName ?? name,
    acceptIncoming: acceptTraces,
    ...(settings.acceptProxyTraces === true && { trustsPeer: trustedProxyRule(settings.trustedProxies) })
  }
  const exporter = openOtlpExporter({ ...facts, serviceName: options.serviceName })
  if (exporter === null) {
    return { tracing: startTracing(options), followDatabase: () => {}, measurements: [] }
  }
  // OpenTelemetry is loaded where spans are recorded, and nowhere else.
  const { keepErrorsSampler } = await import('./keep-errors-sampler.ts')
  const batches = new SpanBatches({
    send: exporter.send,
    delayMs: settings.otelBspScheduleDelay ?? 5000,
    maxQueued: settings.otelBspMaxQueueSize ?? 2048,
    maxBatch: settings.otelBspMaxExportBatchSize ?? 512,
    log
  })
  const sampler = keepErrorsSampler(samplerName(settings.otelTracesSampler), settings.otelTracesSamplerArg ?? 1)
  const tracing = startTracing({ ...options, spanProcessors: [batches], sampler })
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
    followDatabase: followStatements,
    measurements: spanMeasurements(() => batches.counts())
  }
}

function samplerName(given: string | undefined): SamplerName {
  return SAMPLERS.find(name => name === given) ?? 'parentbased_always_on'
}
