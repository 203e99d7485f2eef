import { createJwksKeySource, createStatusListSource } from '@sallyport/authentication'
import type { LiveSettings } from '@sallyport/configuration'
import { lateKeySource, openIssuerAgent, type ProcessContext } from '@sallyport/service-process'
import {
  chooseClientMethod,
  clientSecretSubscriber,
  createTokenClient,
  discoverMetadata
} from '@sallyport/token-exchange'
import { intervalSubscriber } from './interval-subscriber.ts'
import type { ServiceCollaborators } from './service-collaborators.ts'
import { ServiceSettingsError } from './errors.ts'
import type { ServiceSettings } from './settings.ts'

/**
 * Makes the collaborators of a service from its settings and the context of its process: endpoints, keys and status
 * lists of the authorization server, and this service as its client. Until the authorization server is found the
 * service is not ready, and requests that need it get 503.
 * @throws `SALLYPORT_SERVICE_SETTINGS_INVALID`, `SALLYPORT_TOKEN_METADATA_INVALID`
 */
export async function connectService(
  settings: ServiceSettings,
  context: ProcessContext,
  live: LiveSettings<ServiceSettings>
): Promise<ServiceCollaborators> {
  const { issuer, clientId } = settings
  const pollMs = (): number => live.current.statusListPollMs
  const { tls, peers, tracing, database: db, checks, closeLater } = context
  const dispatcher = peers === null ? {} : { dispatcher: peers }
  const discovery = await context.discover('issuer', async () => {
    const metadata = await discoverMetadata({ issuer, ...dispatcher })
    const { jwksUri } = metadata
    if (jwksUri === null) throw new ServiceSettingsError(`the metadata of ${issuer} names no jwks_uri`)
    // A secret that the issuer does not take is a mistake of the configuration, not an outage.
    chooseClientMethod({ clientSecret: settings.clientSecret }, metadata)
    return { ...metadata, jwksUri }
  })
  const keys = lateKeySource(discovery, ({ jwksUri }) => createJwksKeySource({ jwksUri, ...dispatcher }))
  closeLater(keys.close)
  // Lists are fetched only from the issuer: a token names the list, and must not choose the host.
  const allowedUris = `${issuer}/oauth2/status-lists/`
  const status = createStatusListSource({ issuer, keys, allowedUris, pollMs, ...dispatcher })
  closeLater(status.close)
  live.subscribe(intervalSubscriber('statusListPollMs', live, status.reschedule))
  const issuerAgent = settings.furtherIssuers === undefined ? {} : { issuerAgent: openIssuerAgent(context) }
  const client = { metadata: discovery.get, clientId, ...dispatcher }
  live.subscribe(clientSecretSubscriber({ ...client, current: () => live.current.clientSecret }))
  const tokenClient = createTokenClient({ ...client, clientSecret: () => live.current.clientSecret })
  return { db, keys, status, tokenClient, tracing, checks, ...dispatcher, ...issuerAgent, ...(tls !== null && { tls }) }
}
