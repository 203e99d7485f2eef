import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { createPeerAgent, type TlsMaterial } from '@sallyport/secure-transport'
import { request, type Agent } from 'undici'
import { otlpMessage } from './otlp-message.ts'
import { readPairs, tracesEndpoint, type OtlpSettings } from './otlp-settings.ts'
import type { SendSpans } from './span-batches.ts'

/** Sends spans, and its end. */
export interface OtlpExporter {
  readonly send: SendSpans
  readonly close: () => Promise<void>
}

/** What an exporter is opened with. */
export interface OtlpExporterFacts {
  readonly settings: OtlpSettings
  readonly serviceName: string
  readonly tls: TlsMaterial | null
  readonly addresses: Readonly<Record<string, string>>
}

/**
 * Sends spans as OTLP over HTTP, in JSON, and verifies the certificate of the collector.
 * @returns `null` where the settings name no collector
 * @see OTLP 1.x, OTLP/HTTP
 */
export function openOtlpExporter({ settings, serviceName, tls, addresses }: OtlpExporterFacts): OtlpExporter | null {
  const endpoint = tracesEndpoint(settings)
  if (endpoint === null) return null
  const agent = collectorAgent(settings, tls, addresses)
  const headers = { ...readPairs(settings.otelExporterOtlpHeaders), 'content-type': 'application/json' }
  const resource = {
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.name': 'opentelemetry',
    'service.name': serviceName,
    ...readPairs(settings.otelResourceAttributes),
    ...(settings.otelServiceName !== undefined && { 'service.name': settings.otelServiceName })
  }
  return {
    async send(spans) {
      const { statusCode, body } = await request(endpoint, {
        method: 'POST',
        headers,
        body: otlpMessage(spans, resource),
        dispatcher: agent,
        signal: AbortSignal.timeout(settings.otelBspExportTimeout ?? 10_000)
      })
      await body.dump()
      if (statusCode < 200 || statusCode > 299) throw new Error(`The collector answered ${statusCode}`)
    },
    close: () => agent.destroy()
  }
}

function collectorAgent(
  settings: OtlpSettings,
  tls: TlsMaterial | null,
  addresses: Readonly<Record<string, string>>
): Agent {
  const { otelExporterOtlpCertificate: path } = settings
  if (path !== undefined) return createPeerAgent({ ca: readFileSync(path, 'utf8'), addresses })
  return createPeerAgent({ ...(tls ?? { ca: rootCertificates.join('\n') }), addresses })
}
