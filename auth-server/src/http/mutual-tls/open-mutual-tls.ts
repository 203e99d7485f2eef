import type { TlsMaterial } from '@sallyport/secure-transport'
import type { FastifyInstance } from 'fastify'
import { InvalidSettingsError } from '../../errors.ts'
import { mutualTlsListener } from './listener.ts'

/** What the settings say of the listener. */
export interface MutualTlsSettings {
  readonly host: string
  /** Left out: no listener. */
  readonly mtlsPort?: number
  /** Where clients reach it. Default: the host of the issuer with the port. */
  readonly mtlsOrigin?: string
  readonly issuer: string
}

/**
 * Opens the listener for client certificates when the settings give it a port.
 * @returns its origin as clients see it; `null` without the listener
 * @throws {InvalidSettingsError} `SALLYPORT_AUTH_SERVER_SETTINGS_INVALID`
 */
export function openMutualTls(
  fastify: FastifyInstance,
  settings: MutualTlsSettings,
  { tls, clientCa }: { readonly tls?: TlsMaterial; readonly clientCa?: string }
): () => string | null {
  const { host, mtlsPort, mtlsOrigin, issuer } = settings
  if (mtlsPort === undefined) return () => null
  if (tls === undefined) {
    throw new InvalidSettingsError('mtlsPort needs tlsCertificatePath, tlsPrivateKeyPath and tlsCaPath')
  }
  const port = mutualTlsListener(fastify, { host, port: mtlsPort, tls, clientCa: clientCa ?? tls.ca })
  return () => {
    const listening = port()
    if (listening === null) return null
    return mtlsOrigin === undefined ? `https://${new URL(issuer).hostname}:${listening}` : new URL(mtlsOrigin).origin
  }
}
