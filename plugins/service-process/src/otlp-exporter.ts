import { readFileSync } from 'node:fs'
import { createPeerAgent, publicAuthorities, type TlsMaterial } from '@sallyport/secure-transport'
import {
  isJsonObject,
  ownMember,
  parseJsonObject,
  parseRetryAfter,
  readBody,
  readPairs,
  withRetryAfter
} from '@sallyport/security-context/mechanics'
import { request } from 'undici'
import { createOtlpWriter } from './otlp-message.ts'
import { tracesEndpoint, type OtlpSettings } from './otlp-settings.ts'
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
  const collector = openCollectorEndpoint(endpoint, { settings, tls, addresses })
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
      const { statusCode, retryAfter, answer } = await collector.post(write(spans))
      if (statusCode < 200 || statusCode > 299) throw refusal(statusCode, retryAfter)
      return Math.min(refusedSpans(answer), spans.length)
    },
    close: collector.close
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

/** What a collector answered. */
export interface CollectorAnswer {
  readonly statusCode: number
  readonly retryAfter: string | string[] | undefined
  readonly answer: Buffer
}

/** Sends messages to one endpoint of a collector, and its end. */
export interface Collector {
  /** Rejects when there is no answer in the time of the settings. */
  readonly post: (message: string) => Promise<CollectorAnswer>
  readonly close: () => Promise<void>
}

/** Opens an endpoint of the collector of the settings, and verifies its certificate. */
export function openCollectorEndpoint(
  endpoint: string | URL,
  { settings, tls, addresses }: Pick<OtlpExporterFacts, 'settings' | 'tls' | 'addresses'>
): Collector {
  const { otelExporterOtlpCertificate: path, otelExporterOtlpTimeout: timeoutMs = 10_000 } = settings
  const trust = path === undefined ? (tls ?? { ca: publicAuthorities() }) : { ca: readFileSync(path, 'utf8') }
  const dispatcher = createPeerAgent({ ...trust, addresses })
  const headers = { ...readPairs(settings.otelExporterOtlpHeaders), 'content-type': 'application/json' }
  return {
    async post(message) {
      const signal = AbortSignal.timeout(timeoutMs)
      const answered = await request(endpoint, { method: 'POST', headers, body: message, dispatcher, signal })
      // The status says what became of the message: an answer that is too long must not send it a second time.
      const answer = await readBody(answered.body, MAX_ANSWER_BYTES, signal).catch(() => Buffer.alloc(0))
      return { statusCode: answered.statusCode, retryAfter: answered.headers['retry-after'], answer }
    },
    close: () => dispatcher.destroy()
  }
}
