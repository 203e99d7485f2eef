import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Numeric ids of the operating system user that runs the database; `undefined` for the user of this process. */
export interface UnprivilegedUser {
  readonly uid: number
  readonly gid: number
}

/**
 * PostgreSQL refuses to run as root. When this process is root, its binaries run as the system user `postgres`, which
 * is created when missing; otherwise as the current user.
 * @throws {Error} one line, when the user is missing and cannot be created
 */
export function unprivilegedUser(): UnprivilegedUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const found = findUser('postgres')
  if (found !== undefined) return found
  try {
    execFileSync(
      'useradd',
      ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres'],
      { stdio: 'ignore' }
    )
  } catch (cause) {
    throw new Error(
      'The embedded PostgreSQL cannot run as root and the system user "postgres" could not be made: set DATABASE_URL or run as an ordinary user',
      { cause }
    )
  }
  return findUser('postgres')
}

function findUser(name: string): UnprivilegedUser | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find(entry => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}
