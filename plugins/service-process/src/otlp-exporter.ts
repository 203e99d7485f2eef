import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { createPeerAgent, type TlsMaterial } from '@sallyport/secure-transport'
import {
  isJsonObject,
  ownMember,
  parseJsonObject,
  parseRetryAfter,
  readBody,
  withRetryAfter
} from '@sallyport/security-context/mechanics'
import { request, type Agent } from 'undici'
import { createOtlpWriter } from './otlp-message.ts'
import { readPairs, tracesEndpoint, type OtlpSettings } from './otlp-settings.ts'
import { BATCH_REFUSED, type SendSpans } from './span-batches.ts'

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

/** An answer says how many spans were refused, and nothing else that is read. */
const MAX_ANSWER_BYTES = 64 * 1024
/** After these the same batch may be sent again. */
const AGAIN: readonly number[] = [429, 502, 503, 504]

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
  const write = createOtlpWriter(resource)
  return {
    async send(spans) {
      const signal = AbortSignal.timeout(settings.otelExporterOtlpTimeout ?? 10_000)
      const {
        statusCode,
        headers: answered,
        body
      } = await request(endpoint, {
        method: 'POST',
        headers,
        body: write(spans),
        dispatcher: agent,
        signal
      })
      const answer = await readBody(body, MAX_ANSWER_BYTES, signal)
      if (statusCode < 200 || statusCode > 299) throw refusal(statusCode, answered['retry-after'])
      return Math.min(refusedSpans(answer), spans.length)
    },
    close: () => agent.destroy()
  }
}

function refusal(statusCode: number, retryAfter: string | string[] | undefined): Error {
  const error = new Error(`The collector answered ${statusCode}`)
  if (!AGAIN.includes(statusCode)) return Object.assign(error, { code: BATCH_REFUSED })
  const seconds = parseRetryAfter(retryAfter, Date.now())
  return seconds === null ? error : withRetryAfter(error, seconds)
}

/** @see OTLP 1.x, Partial Success */
function refusedSpans(answer: Buffer): number {
  const partial = ownMember(parseJsonObject(answer) ?? {}, 'partialSuccess')
  const count = isJsonObject(partial) ? Number(ownMember(partial, 'rejectedSpans') ?? 0) : 0
  return Number.isSafeInteger(count) && count > 0 ? count : 0
}

/** Calls the collector of the settings, and verifies its certificate. */
export function collectorAgent(
  settings: OtlpSettings,
  tls: TlsMaterial | null,
  addresses: Readonly<Record<string, string>>
): Agent {
  const { otelExporterOtlpCertificate: path } = settings
  if (path !== undefined) return createPeerAgent({ ca: readFileSync(path, 'utf8'), addresses })
  return createPeerAgent({ ...(tls ?? { ca: rootCertificates.join('\n') }), addresses })
}
