import { cpus } from 'node:os'

/** The machine of a measurement, in one line. */
export function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`
}
