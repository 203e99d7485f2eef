import { createJwksKeySource, createStatusListSource } from '@sallyport/authentication'
import { createPeerAgent, isLoopback, loadTlsMaterial, type TlsMaterial } from '@sallyport/secure-transport'
import { databaseLog, startTracing } from '@sallyport/service-process'
import { createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import knex from 'knex'
import type { ServiceCollaborators } from './collaborators.ts'
import { ServiceSettingsError } from './errors.ts'
import type { ServiceSettings } from './settings.ts'

/**
 * Makes the collaborators of a service process: TLS material, verified peers, the authorization server's endpoints and
 * keys, the database. Fails when the authorization server cannot be asked.
 * @throws `SALLYPORT_CHASSIS_SETTINGS_INVALID`, and the codes of secure-transport and token-exchange
 */
export async function connect (name: string, settings: ServiceSettings): Promise<ServiceCollaborators> {
  const { issuer, clientId, clientSecret } = settings
  const tls = await tlsOf(settings)
  const peers = tls === null ? null : createPeerAgent({ ca: tls.ca, certificate: tls.certificate, privateKey: tls.privateKey, addresses: addressesOf(settings) })
  const dispatcher = peers === null ? {} : { dispatcher: peers }
  const metadata = await discoverMetadata({ issuer, ...dispatcher })
  if (metadata.jwksUri === null) throw new ServiceSettingsError(`the metadata of ${issuer} names no jwks_uri`)
  const keys = createJwksKeySource({ jwksUri: metadata.jwksUri, ...dispatcher })
  // Lists are only looked for where the issuer itself is: a token names the list, and must not choose the host.
  const status = createStatusListSource({ issuer, keys, allowedUris: `${issuer}/oauth2/status-lists/`, pollMs: settings.statusListPollMs, ...dispatcher })
  const db = knex({ client: 'pg', log: databaseLog, connection: settings.databaseUrl, pool: { min: 0, max: settings.databaseConnections } })
  const tracing = startTracing({ serviceName: name })
  return {
    db,
    keys,
    status,
    tokenClient: createTokenClient({ metadata, clientId, clientSecret, ...dispatcher }),
    tracing,
    ...dispatcher,
    ...(tls !== null && { tls }),
    close: async () => {
      await status.close()
      await keys.close()
      await db.destroy()
      await peers?.close()
      await tracing.close()
    }
  }
}

async function tlsOf ({ host, tlsCertificatePath, tlsPrivateKeyPath, tlsCaPath }: ServiceSettings): Promise<TlsMaterial | null> {
  if (tlsCertificatePath !== undefined && tlsPrivateKeyPath !== undefined && tlsCaPath !== undefined) {
    return loadTlsMaterial({ certificatePath: tlsCertificatePath, privateKeyPath: tlsPrivateKeyPath, caPath: tlsCaPath })
  }
  if ((tlsCertificatePath ?? tlsPrivateKeyPath ?? tlsCaPath) !== undefined) throw new ServiceSettingsError('tlsCertificatePath, tlsPrivateKeyPath and tlsCaPath belong together')
  if (!isLoopback(host)) throw new ServiceSettingsError(`plain HTTP on ${host} would show tokens to the network: give tlsCertificatePath, tlsPrivateKeyPath and tlsCaPath`)
  return null
}

function addressesOf ({ peerAddresses }: ServiceSettings): Record<string, string> {
  return Object.fromEntries(peerAddresses.map(entry => {
    const at = entry.indexOf('=')
    return [entry.slice(0, at), entry.slice(at + 1)]
  }))
}
