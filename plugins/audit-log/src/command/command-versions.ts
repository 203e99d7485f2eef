import { createRequire } from 'node:module'
import type { RecordedVersions } from '../build-record.ts'

/**
 * What a command truly knows of versions, for its rows: no policy decided whether it may run, and it has no
 * configuration but what it was called with. So they say which release of this package did it.
 */
export const COMMAND_VERSIONS: RecordedVersions = { configuration: `sallyport-audit/${packageVersion()}` }

function packageVersion(): string {
  const own: unknown = createRequire(import.meta.url)('../../package.json')
  return typeof own === 'object' && own !== null && 'version' in own ? String(own.version) : 'unknown'
}
