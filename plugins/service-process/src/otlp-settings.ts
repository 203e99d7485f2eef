import { isLoopback, readPairs } from '@sallyport/security-context/mechanics'
import Type, { type Static, type TObject } from 'typebox'

/** The values of `OTEL_TRACES_SAMPLER`. */
export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio'
] as const

/** A value of `OTEL_TRACES_SAMPLER`. */
export type SamplerName = (typeof SAMPLERS)[number]

const optionalText = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))
const boundedCount = (maximum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum, description }))

/** Where traces go and which, by the names of OpenTelemetry: `otelServiceName` is `OTEL_SERVICE_NAME`. */
export const otlpProperties = {
  otelExporterOtlpEndpoint: optionalText(
    'Base URL of a collector that takes OTLP over HTTP; `/v1/traces` is appended. Left out: no spans are recorded.'
  ),
  otelExporterOtlpTracesEndpoint: optionalText('The whole URL for traces, in place of the base URL.'),
  otelExporterOtlpHeaders: Type.Optional(
    Type.String({ secret: true, minLength: 1, description: 'Fields of each export, `name=value,name=value`.' })
  ),
  otelExporterOtlpCertificate: optionalText(
    'Authorities that vouch for the collector (PEM file). Left out: those of the peers, and the own certificate is shown.'
  ),
  otelExporterOtlpTimeout: boundedCount(
    60_000,
    'Longest wait for the collector, in ms. Left out: 10000; when the process ends at most 2000.'
  ),
  otelExporterOtlpProtocol: Type.Optional(
    Type.String({ pattern: '^http/json$', description: 'Only `http/json`, the JSON of OTLP over HTTP, is spoken.' })
  ),
  otelTracesExporter: Type.Optional(
    Type.String({ pattern: '^(otlp|none)$', description: '`none`: no spans, whatever else is set. Left out: `otlp`.' })
  ),
  otelLogsExporter: Type.Optional(
    Type.String({
      pattern: '^(otlp|none)$',
      description: '`otlp`: exceptions go to `/v1/logs` of the collector, too. Left out: `none`.'
    })
  ),
  otelServiceName: optionalText('`service.name` of the resource. Left out: the name of the process.'),
  otelResourceAttributes: optionalText('More attributes of the resource, `name=value,name=value`.'),
  otelTracesSampler: Type.Optional(
    Type.String({
      pattern:
        '^(always_on|always_off|traceidratio|parentbased_always_on|parentbased_always_off|parentbased_traceidratio)$',
      description: `Which traces are exported: ${SAMPLERS.map(name => `\`${name}\``).join(', ')}. Left out: \`parentbased_always_on\`.`
    })
  ),
  otelTracesSamplerArg: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Share of the traces that begin here, for a ratio. Left out: 1.'
    })
  ),
  otelSdkDisabled: Type.Optional(Type.Boolean({ description: '`true`: no spans, whatever else is set.' })),
  otelBspScheduleDelay: boundedCount(600_000, 'Longest wait of a span for its batch, in ms. Left out: 5000.'),
  otelBspMaxQueueSize: boundedCount(100_000, 'Most spans that wait; what comes on top is dropped. Left out: 2048.'),
  otelBspMaxExportBatchSize: boundedCount(10_000, 'Most spans of a batch. Left out: 512.'),
  acceptProxyTraces: Type.Optional(
    Type.Boolean({
      description: '`true`: the `traceparent` of `TRUSTED_PROXIES` is continued where that of strangers is not.'
    })
  )
}

/** {@link otlpProperties} as values. */
export type OtlpSettings = Readonly<Static<TObject<typeof otlpProperties>>>

/** Where spans go; `null` for nowhere. */
export function tracesEndpoint(settings: OtlpSettings): string | null {
  const { otelExporterOtlpEndpoint: base, otelExporterOtlpTracesEndpoint: whole } = settings
  if (settings.otelSdkDisabled === true || settings.otelTracesExporter === 'none') return null
  if (whole !== undefined) return whole
  return base === undefined ? null : `${base.replace(/\/$/, '')}/v1/traces`
}

/** Where exceptions go; `null` for nowhere. */
export function logsEndpoint(settings: OtlpSettings): string | null {
  const { otelExporterOtlpEndpoint: base } = settings
  if (settings.otelSdkDisabled === true || settings.otelLogsExporter !== 'otlp' || base === undefined) return null
  return `${base.replace(/\/$/, '')}/v1/logs`
}

/** Mistakes that a schema cannot express: one sentence per mistake, without secrets. */
export function otlpMistakes(settings: OtlpSettings): string[] {
  const { otelExporterOtlpEndpoint, otelExporterOtlpTracesEndpoint } = settings
  const { otelExporterOtlpHeaders, otelResourceAttributes } = settings
  const endpoints = Object.entries({ otelExporterOtlpEndpoint, otelExporterOtlpTracesEndpoint })
  const lists = Object.entries({ otelExporterOtlpHeaders, otelResourceAttributes })
  return [
    ...(settings.otelLogsExporter === 'otlp' && otelExporterOtlpEndpoint === undefined
      ? ['otelLogsExporter: otlp needs otelExporterOtlpEndpoint']
      : []),
    ...endpoints.flatMap(([name, endpoint]) => (endpoint === undefined ? [] : collectorMistakes(name, endpoint))),
    ...lists.filter(([, pairs]) => readPairs(pairs) === null).map(([name]) => `${name}: is no list of name=value`)
  ]
}

function collectorMistakes(name: string, endpoint: string): string[] {
  const url = URL.parse(endpoint)
  if (url === null || !/^https?:$/.test(url.protocol)) return [`${name}: is no URL of HTTP`]
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    return [`${name}: has more than an origin and a path; credentials belong into otelExporterOtlpHeaders`]
  }
  if (url.protocol === 'https:' || isLoopback(url.hostname)) return []
  return [`${name}: plain HTTP would expose traces to the network`]
}
