import { isLoopback } from '@sallyport/security-context/mechanics'
import { Client } from 'pg'

/**
 * What is wrong with a database URL, or `null`. To another host only `sslmode=verify-full` with a CA (`sslrootcert`) is
 * accepted: everything else exposes passwords and rows to the network, or to whoever answers. Loopback and Unix sockets
 * may be plain.
 *
 * The driver itself says where and how it would connect, because only its reading counts: parameters and the variables
 * PGHOST and PGSSLMODE change host and mode, and `uselibpqcompat` turns checks off. It does not connect.
 * @returns a phrase that follows the setting's name, without the URL and its password
 */
export function databaseUrlMistake(url: string): string | null {
  const driver = readByDriver(url)
  if (driver === null) return 'cannot be read, or names a file that cannot be read'
  if (driver.host.startsWith('/') || isLoopback(driver.host)) return null
  if (isVerified(url, driver.tls)) return null
  return `reaches ${driver.host} without verified TLS: give sslmode=verify-full and sslrootcert=<file of the CA>`
}

/** How the driver reads a URL. */
interface DriverReading {
  readonly host: string
  /** Options of its TLS connection; `false` for plain. */
  readonly tls: unknown
}

function readByDriver(url: string): DriverReading | null {
  try {
    const client = new Client({ connectionString: url })
    return { host: client.host, tls: client.ssl }
  } catch {
    return null
  }
}

/**
 * Whether the driver checks the certificate against a CA and the name of the host, because the URL asks for exactly
 * that.
 */
function isVerified(url: string, tls: unknown): boolean {
  const modes = new URL(url).searchParams.getAll('sslmode')
  if (modes.length !== 1 || modes[0] !== 'verify-full') return false
  if (typeof tls !== 'object' || tls === null) return false
  const checks: Readonly<Record<string, unknown>> = { ...tls }
  const weakened = checks.rejectUnauthorized !== undefined || checks.checkServerIdentity !== undefined
  return typeof checks.ca === 'string' && !weakened
}
