import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { isLoopback, loadTlsMaterial, type TlsMaterial } from '@sallyport/secure-transport'
import { databaseLog } from '@sallyport/service-process'
import knex, { type Knex } from 'knex'
import { InvalidSettingsError } from './errors.ts'
import type { AuthServerSettings } from './settings.ts'

/** What is used here of a connection of the driver. */
interface DriverConnection {
  readonly connection: { readonly stream: Socket }
  /** False while an answer is awaited. */
  readonly readyForQuery: boolean
}

/**
 * A pool of the app role. Nothing waits for the database longer than `databaseTimeoutMs`: neither a connection, nor a
 * statement (which the server gives up by then as well), nor an answer that never comes.
 */
export function connectDatabase ({ databaseUrl, databaseConnections, databaseTimeoutMs = 5000 }: Pick<AuthServerSettings, 'databaseUrl' | 'databaseConnections' | 'databaseTimeoutMs'>): Knex {
  return knex({
    client: 'pg',
    log: databaseLog,
    connection: {
      connectionString: databaseUrl,
      connectionTimeoutMillis: databaseTimeoutMs,
      statement_timeout: databaseTimeoutMs,
      idle_in_transaction_session_timeout: 2 * databaseTimeoutMs,
      keepAlive: true
    },
    acquireConnectionTimeout: databaseTimeoutMs,
    pool: {
      min: 0,
      max: databaseConnections,
      afterCreate: (connection: DriverConnection, done: (error: Error | null, connection: DriverConnection) => void) => {
        dropWhenSilent(connection, databaseTimeoutMs)
        done(null, connection)
      }
    }
  })
}

/**
 * Ends a connection on which an answer has not come in time: the query in flight is rejected and the pool makes a new
 * connection. The driver's own timeout would leave the dead connection in the pool.
 */
function dropWhenSilent (driver: DriverConnection, timeoutMs: number): void {
  const { stream } = driver.connection
  // A little later than the server's own limit, whose answer says more.
  stream.setTimeout(timeoutMs + 250, () => {
    if (!driver.readyForQuery) stream.destroy(new Error('Connection terminated: the database gave no answer in time'))
  })
}

/**
 * The TLS material that the settings name, `null` for plain HTTP on loopback.
 * @throws {InvalidSettingsError} `SALLYPORT_AUTH_SERVER_SETTINGS_INVALID`
 */
export async function tlsOf ({ host, tlsCertificatePath, tlsPrivateKeyPath, tlsCaPath }: AuthServerSettings): Promise<TlsMaterial | null> {
  if (tlsCertificatePath !== undefined && tlsPrivateKeyPath !== undefined && tlsCaPath !== undefined) {
    return await loadTlsMaterial({ certificatePath: tlsCertificatePath, privateKeyPath: tlsPrivateKeyPath, caPath: tlsCaPath })
  }
  if ((tlsCertificatePath ?? tlsPrivateKeyPath ?? tlsCaPath) !== undefined) throw new InvalidSettingsError('tlsCertificatePath, tlsPrivateKeyPath and tlsCaPath belong together')
  if (!isLoopback(host)) throw new InvalidSettingsError(`plain HTTP on ${host} would show tokens to the network: give the TLS paths`)
  return null
}

/**
 * The authorities of a setting that is used when they are not those of the server itself.
 * @throws {InvalidSettingsError} `SALLYPORT_AUTH_SERVER_SETTINGS_INVALID`
 */
export async function authoritiesOf (settings: AuthServerSettings, name: 'mtlsClientCaPath' | 'backchannelLogoutCaPath'): Promise<string | null> {
  const path = settings[name]
  if (path === undefined) return null
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw Object.assign(new InvalidSettingsError(`${name} ${path} cannot be read`), { cause })
  }
}
