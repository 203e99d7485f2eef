import { isLoopback } from '@sallyport/security-context/mechanics'
import knex, { type Knex } from 'knex'

/** Small: whoever opens it does one thing at a time. */
const POOL = { min: 0, max: 2 }
/** What fails is said once, by whoever opened it. */
const SILENT = { warn: () => {}, error: () => {}, debug: () => {}, deprecate: () => {} }

/** Why nobody may connect to a trail by this URL; `null` when it is right. It never has the URL in it. */
export function trailUrlMistake(url: string): string | null {
  if (!URL.canParse(url)) return 'is not a URL'
  const { hostname, searchParams } = new URL(url)
  // For the driver a parameter comes before the place of a host in a URL.
  const isLocal = [hostname, ...searchParams.getAll('host')].every(isOnThisMachine)
  if (isLocal || isVerifying(searchParams)) return null
  return 'reaches another host without verified TLS: give sslmode=verify-full'
}

/** A folder of a Unix socket, loopback, or nothing, which is one of the two. */
function isOnThisMachine(host: string): boolean {
  return host === '' || host.startsWith('/') || isLoopback(host)
}

function isVerifying(parameters: URLSearchParams): boolean {
  return parameters.getAll('sslmode').every(mode => mode === 'verify-full') && parameters.has('sslmode')
}

/**
 * A pool of its own for work on a trail beside that of the process; the caller destroys it.
 * @param statementTimeoutMs limit of each statement at the server; left out: that of the role
 */
export function openTrailPool(url: string, statementTimeoutMs?: number): Knex {
  return knex({
    client: 'pg',
    connection: {
      connectionString: url,
      connectionTimeoutMillis: 10_000,
      ...(statementTimeoutMs !== undefined && { statement_timeout: statementTimeoutMs })
    },
    pool: POOL,
    log: SILENT
  })
}
