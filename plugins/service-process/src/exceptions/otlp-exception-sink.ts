import type { TlsMaterial } from '@sallyport/secure-transport'
import { readPairs } from '@sallyport/security-context/mechanics'
import { openCollectorEndpoint } from '../otlp-exporter.ts'
import { logsEndpoint, type OtlpSettings } from '../otlp-settings.ts'
import { otlpAttributes } from '../otlp-values.ts'
import { TRACER_NAME } from '../tracing-contract.ts'
import type { ExceptionGroup, ExceptionSink } from './exception-log.ts'

/** A sink that reports to a collector, and its end. */
export interface OtlpExceptionSink extends ExceptionSink {
  readonly close: () => Promise<void>
}

/** What the sink is opened with. */
export interface OtlpExceptionFacts {
  readonly settings: OtlpSettings
  readonly serviceName: string
  readonly tls: TlsMaterial | null
  readonly addresses: Readonly<Record<string, string>>
}

/** ERROR. @see OpenTelemetry logs data model, SeverityNumber */
const SEVERITY_ERROR = 17

/**
 * Reports exceptions as log records, OTLP over HTTP in JSON. What leaves the machine is the kind, the place and the
 * numbers: messages may hold anything, and stay in the log.
 * @returns `null` where the settings name no collector for logs
 * @see OTLP 1.x; OpenTelemetry semantic conventions, exceptions in logs
 */
export function openOtlpExceptionSink(facts: OtlpExceptionFacts): OtlpExceptionSink | null {
  const { settings, serviceName, tls, addresses } = facts
  const endpoint = logsEndpoint(settings)
  if (endpoint === null) return null
  const collector = openCollectorEndpoint(endpoint, { settings, tls, addresses })
  const resource = {
    'service.name': settings.otelServiceName ?? serviceName,
    ...readPairs(settings.otelResourceAttributes)
  }
  return {
    report: async group => {
      const { statusCode } = await collector.post(otlpLogMessage(group, resource))
      if (statusCode < 200 || statusCode > 299) throw new Error(`The collector answered ${statusCode}`)
    },
    close: collector.close
  }
}

function otlpLogMessage(group: ExceptionGroup, resource: Readonly<Record<string, string>>): string {
  const { fingerprint, name, code, stack, release, firstSeen, lastSeen, count, sinceReport, place } = group
  const sender = otlpAttributes({ ...resource, 'service.version': release })
  const attributes = otlpAttributes({
    'exception.type': name,
    'exception.stacktrace': stack,
    'error.code': code,
    'http.route': place.route,
    'sallyport.exception.origin': place.origin,
    'sallyport.exception.fingerprint': fingerprint,
    'sallyport.exception.first_seen': firstSeen,
    'sallyport.exception.count': count,
    'sallyport.exception.since_report': sinceReport
  })
  const record =
    `{"timeUnixNano":"${Date.parse(lastSeen)}000000","severityNumber":${SEVERITY_ERROR},"severityText":"ERROR"` +
    `,"eventName":"exception","body":{"stringValue":"exception"},"attributes":${attributes}` +
    (place.traceId === undefined ? '}' : `,"traceId":${JSON.stringify(place.traceId)}}`)
  const scope = `{"name":${JSON.stringify(TRACER_NAME)}}`
  return `{"resourceLogs":[{"resource":{"attributes":${sender}},"scopeLogs":[{"scope":${scope},"logRecords":[${record}]}]}]}`
}
