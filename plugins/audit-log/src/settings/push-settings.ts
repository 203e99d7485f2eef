import { readFileSync } from 'node:fs'
import { endpointMistake, readPairs } from '@sallyport/security-context/mechanics'
import { AuditOptionsError } from '../errors.ts'
import { otlpReceiver, requestHeaderMistake } from '../push/otlp-receiver.ts'
import type { TrailPush } from '../push/push-options.ts'
import type { TrailReceiver } from '../push/receiver.ts'
import { syslogReceiver, syslogUrlMistake } from '../push/syslog-receiver.ts'
import type { AuditTrailSettings } from './trail-settings.ts'

/** Settings that say nothing without a receiver. */
const OF_RECEIVER = [
  'auditPushHeaders',
  'auditPushCaPath',
  'auditPushCertificatePath',
  'auditPushPrivateKeyPath',
  'auditPushEnterpriseId'
] as const

/** What is wrong with where the trail is pushed to: one sentence per mistake, without secrets. */
export function pushMistakes(settings: AuditTrailSettings): string[] {
  const { auditPushUrl: url, auditPushHeaders: headers } = settings
  if (url === undefined) {
    const left = OF_RECEIVER.filter(name => settings[name] !== undefined)
    return [
      ...left.map(name => `${name}: needs auditPushUrl`),
      ...(settings.auditPushReadiness ? ['auditPushReadiness: nothing is pushed without auditPushUrl'] : [])
    ]
  }
  const isSyslog = url.startsWith('syslog')
  const mistake = isSyslog ? syslogUrlMistake(url) : endpointMistake(url)
  const [shown, key] = [settings.auditPushCertificatePath, settings.auditPushPrivateKeyPath]
  return [
    ...(mistake === null ? [] : [`auditPushUrl: ${mistake}`]),
    ...(isSyslog && headers !== undefined ? ['auditPushHeaders: syslog has none'] : []),
    ...headerMistakes(headers),
    ...((shown === undefined) === (key === undefined)
      ? []
      : ['auditPushCertificatePath: needs auditPushPrivateKeyPath, and the other way round']),
    ...fileMistakes(settings)
  ]
}

function headerMistakes(text: string | undefined): string[] {
  const headers = readPairs(text)
  if (headers === null) return ['auditPushHeaders: is no list of name=value']
  const mistake = requestHeaderMistake(headers)
  return mistake === null ? [] : [`auditPushHeaders: ${mistake}`]
}

const PEM_FILES = {
  auditPushCaPath: 'ca',
  auditPushCertificatePath: 'certificate',
  auditPushPrivateKeyPath: 'privateKey'
} as const

/** At the start, where somebody sees it, and not at the first batch. */
function fileMistakes(settings: AuditTrailSettings): string[] {
  return Object.keys(PEM_FILES).flatMap(name => {
    const path = settings[name as keyof typeof PEM_FILES]
    return path === undefined || readPem(path) !== null ? [] : [`${name}: ${path} cannot be read, or is no PEM`]
  })
}

function readPem(path: string): string | null {
  try {
    const text = readFileSync(path, 'utf8')
    return text.includes('-----BEGIN ') ? text : null
  } catch {
    return null
  }
}

/**
 * The option `push` of a process.
 * @param process who sends the rows
 * @throws {AuditOptionsError} `SALLYPORT_AUDIT_OPTIONS_INVALID` for a file that went away in the meantime
 */
export function pushFrom(settings: AuditTrailSettings, process: string): TrailPush | false {
  if (settings.auditPushUrl === undefined) return false
  return {
    receiver: receiverFrom(settings, settings.auditPushUrl, process),
    intervalMs: settings.auditPushIntervalMs,
    batchRows: settings.auditPushBatchRows,
    timeoutMs: settings.auditPushTimeoutMs,
    readiness: settings.auditPushReadiness
  }
}

function receiverFrom(settings: AuditTrailSettings, url: string, process: string): TrailReceiver {
  const trust = Object.fromEntries(
    Object.entries(PEM_FILES).flatMap(([name, option]) => {
      const path = settings[name as keyof typeof PEM_FILES]
      if (path === undefined) return []
      const text = readPem(path)
      if (text === null) throw new AuditOptionsError(`${name}: ${path} cannot be read, or is no PEM`)
      return [[option, text]]
    })
  )
  if (!url.startsWith('syslog')) {
    return otlpReceiver(url, { ...trust, headers: readPairs(settings.auditPushHeaders) ?? {}, serviceName: process })
  }
  const { auditPushEnterpriseId: enterpriseId } = settings
  return syslogReceiver(url, { ...trust, ...(enterpriseId !== undefined && { enterpriseId }) })
}
