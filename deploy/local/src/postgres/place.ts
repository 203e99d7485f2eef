import { createHash } from 'node:crypto'
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { UnprivilegedUser } from './unprivileged-user.ts'

/** Where a cluster's data and the binaries that run it are. */
export interface ClusterPlace {
  readonly dataDirectory: string
  readonly binDirectory: string
}

const SHARED_STATE = '/var/lib/sallyport'

/**
 * Decides where data and binaries are. Normally data is in the wanted folder, and binaries are where npm put them. When
 * another user runs the database and a parent of either folder is closed to that user (a 0700 home, a `mktemp -d`
 * clone), both go to a folder below /var/lib that is named after the wanted one, with a copy of the binaries.
 */
export function choosePlace(
  wantedDirectory: string,
  nativeDirectory: string,
  user: UnprivilegedUser | undefined
): ClusterPlace {
  const wanted = resolve(wantedDirectory)
  if (user === undefined) {
    return { dataDirectory: join(makeOwned(wanted), 'data'), binDirectory: join(nativeDirectory, 'bin') }
  }
  if (isReachable(dirname(wanted)) && isReachable(nativeDirectory)) {
    return { dataDirectory: join(makeOwned(wanted, user), 'data'), binDirectory: join(nativeDirectory, 'bin') }
  }
  const base = join(SHARED_STATE, createHash('sha256').update(wanted).digest('hex').slice(0, 16))
  mkdirSync(base, { recursive: true, mode: 0o755 })
  if (lstatSync(base).uid !== 0) throw new Error(`${base} does not belong to root`)
  const native = isReachable(nativeDirectory) ? nativeDirectory : join(base, 'postgresql')
  if (!existsSync(join(native, 'bin', 'postgres'))) {
    cpSync(nativeDirectory, native, { recursive: true, verbatimSymlinks: true })
  }
  return { dataDirectory: join(makeOwned(join(base, 'cluster'), user), 'data'), binDirectory: join(native, 'bin') }
}

/** Whether users other than the owner may pass through every folder from the root down to this one. */
function isReachable(directory: string): boolean {
  for (let at = resolve(directory); ; at = dirname(at)) {
    if (existsSync(at) && (statSync(at).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

function makeOwned(directory: string, user?: UnprivilegedUser): string {
  mkdirSync(directory, { recursive: true })
  chmodSync(directory, 0o700)
  if (user !== undefined) chownSync(directory, user.uid, user.gid)
  return directory
}
