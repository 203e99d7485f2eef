import { readFile } from 'node:fs/promises'
import { loadTlsMaterial, type TlsMaterial } from '@sallyport/secure-transport'
import knex, { type Knex } from 'knex'
import { InvalidSettingsError } from './errors.ts'
import type { AuthServerSettings } from './settings.ts'

const LOOPBACK: readonly string[] = ['127.0.0.1', '::1', 'localhost']
const ACQUIRE_TIMEOUT_MS = 5000

/** A pool of the app role. */
export function connectDatabase (settings: Pick<AuthServerSettings, 'databaseUrl' | 'databaseConnections'>): Knex {
  return knex({ client: 'pg', connection: settings.databaseUrl, pool: { min: 0, max: settings.databaseConnections }, acquireConnectionTimeout: ACQUIRE_TIMEOUT_MS })
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
  if (!LOOPBACK.includes(host)) throw new InvalidSettingsError(`plain HTTP on ${host} would show tokens to the network: give the TLS paths`)
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
