import { X509Certificate } from 'node:crypto'
import type { TlsMaterial } from '@sallyport/secure-transport'
import type { Measurement } from '@sallyport/security-context'
import type { BuildFacts } from './build-facts.ts'
import { droppedLogLines } from './log-destination.ts'

/** Of what a process has opened. */
export interface MeasuredProcess {
  readonly build: BuildFacts
  readonly tls: TlsMaterial | null
}

/** What operators watch of the process itself. */
export function measurementsOfProcess({ build, tls }: MeasuredProcess): Measurement[] {
  const { version, commit, node } = build
  return [
    {
      name: 'sallyport_build_info',
      help: 'What runs here',
      kind: 'gauge',
      amongWorkers: 'max',
      labels: ['version', 'commit', 'node'],
      read: () => [{ labels: { version, commit: commit ?? 'unknown', node }, value: 1 }]
    },
    {
      name: 'sallyport_log_lines_dropped_total',
      help: 'Lines of the log that were given up because its reader is slow',
      kind: 'counter',
      read: droppedLogLines
    },
    ...(tls === null ? [] : [certificateMeasurement(tls)])
  ]
}

/** The material is read once, so that its end is known from the start. */
function certificateMeasurement({ certificate, ca }: TlsMaterial): Measurement {
  const values = Object.entries({ own: certificate, authority: ca }).map(([name, pem]) => ({
    labels: { certificate: name },
    value: firstExpirySeconds(pem)
  }))
  return {
    name: 'sallyport_certificate_expiry_timestamp_seconds',
    help: 'When the first certificate of the chain, or the first authority, expires: seconds since 1970',
    kind: 'gauge',
    amongWorkers: 'min',
    labels: ['certificate'],
    read: () => values
  }
}

const PEM_END = '-----END CERTIFICATE-----'

/** A chain ends with the first of its certificates; of two authorities the one that is replaced goes first. */
function firstExpirySeconds(pem: string): number {
  const certificates = pem.split(PEM_END).slice(0, -1)
  const ends = certificates.map(text => new X509Certificate(`${text}${PEM_END}`).validToDate.getTime())
  return Math.min(...ends) / 1000
}
