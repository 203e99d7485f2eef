import { createJwksKeySource, createStatusListSource } from '@sallyport/authentication'
import { lateKeySource, type ProcessContext } from '@sallyport/service-process'
import { createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import { EDGE_AUDIENCE, type GatewayCollaborators } from './app.ts'
import { GatewaySettingsError } from './errors.ts'
import { createSessionDirectory } from './session-directory.ts'
import type { GatewaySettings } from './settings.ts'

/**
 * Makes the collaborators of the gateway from its settings and the context of its process. Until the authorization
 * server is found the gateway is not ready, and requests that need it get 503.
 * @throws {GatewaySettingsError} `SALLYPORT_GATEWAY_SETTINGS_INVALID`, and `SALLYPORT_TOKEN_METADATA_INVALID`
 */
export async function connectGateway(
  settings: GatewaySettings,
  context: ProcessContext
): Promise<GatewayCollaborators> {
  const { issuer, clientId, clientSecret, authServerOrigin: origin, upstreamTimeoutMs: timeoutMs } = settings
  const { tls, peers: dispatcher, tracing, database: db, checks, closeLater } = context
  // An agent of its own: a hanging service must not block logins, refreshes and exchanges.
  const upstreamAgent = context.openPeers()
  if (tls === null || dispatcher === null || upstreamAgent === null) {
    throw new GatewaySettingsError('without TLS material no service is reached')
  }
  const discovery = await context.discover('issuer', async () => {
    const metadata = await discoverMetadata({ issuer, dispatcher })
    const { jwksUri } = metadata
    if (jwksUri === null) throw new GatewaySettingsError(`the metadata of ${issuer} names no jwks_uri`)
    return { ...metadata, jwksUri }
  })
  const keys = lateKeySource(discovery, ({ jwksUri }) => createJwksKeySource({ jwksUri, dispatcher }))
  closeLater(keys.close)
  const status = createStatusListSource({ issuer, keys, allowedUris: `${issuer}/oauth2/status-lists/`, dispatcher })
  closeLater(status.close)
  const tokenClient = createTokenClient({ metadata: discovery.get, clientId, clientSecret, dispatcher })
  const endpoint = async (): Promise<string | null> => (await discovery.get()).introspectionEndpoint
  return {
    tokenClient,
    sessionDirectory: createSessionDirectory({ tokenClient, origin, dispatcher, timeoutMs }),
    keys,
    status,
    introspection: { endpoint, clientId, clientSecret, audience: EDGE_AUDIENCE, issuer, dispatcher },
    upstreamAgent,
    db,
    tracing,
    checks,
    tls
  }
}
