import { createJwksKeySource, createStatusListSource } from '@sallyport/authentication'
import type { LiveSettings } from '@sallyport/configuration'
import { redisRateLimitStore, type OpenUpstream } from '@sallyport/forwarding'
import { createPeerAgent, publicAuthorities, type TlsMaterial } from '@sallyport/secure-transport'
import type { TokenClient } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import { lateKeySource, openIssuerAgent, type ProcessContext } from '@sallyport/service-process'
import {
  chooseClientMethod,
  clientSecretSubscriber,
  createLoginClient,
  createTokenClient,
  discoverMetadata
} from '@sallyport/token-exchange'
import type { Agent, Dispatcher } from 'undici'
import { allocateYoung } from './allocate-young.ts'
import type { GatewayCollaborators } from './gateway-collaborators.ts'
import { clientProof, refreshPaceOf } from './client-proof.ts'
import { GatewaySettingsError } from './errors.ts'
import { ownRoutes, partsOfSettings } from './gateway-parts.ts'
import { secretsPresentSubscriber } from './secrets-present.ts'
import { openRedis } from './open-redis.ts'
import { openRoutesFile, tableOfReading } from './routes-file.ts'
import { openSessionStore } from './open-session-store.ts'
import { createSessionDirectory } from './session-directory.ts'
import { isClient } from './session-settings.ts'
import type { GatewaySettings } from './settings.ts'

/**
 * Makes the collaborators of the gateway from its settings and the context of its process. Until the authorization
 * server is found the gateway is not ready, and requests that need it get 503.
 * @throws {GatewaySettingsError} `SALLYPORT_GATEWAY_SETTINGS_INVALID`, and `SALLYPORT_TOKEN_METADATA_INVALID`
 */
export async function connectGateway(
  settings: GatewaySettings,
  context: ProcessContext,
  live: LiveSettings<GatewaySettings>
): Promise<GatewayCollaborators> {
  allocateYoung()
  const { issuer, clientId, clientSecret, audience } = settings
  const { tls, tracing, optionalDatabase: db, checks, closeLater } = context
  const dispatcher = context.peers ?? publicPeers(context)
  // An agent of its own: a hanging service must not block logins, refreshes and exchanges.
  const upstreamAgent = context.openPeers() ?? publicPeers(context)
  const discovery = await context.discover('issuer', async () => {
    const metadata = await discoverMetadata({ issuer, dispatcher })
    const { jwksUri } = metadata
    if (jwksUri === null) throw new GatewaySettingsError(`the metadata of ${issuer} names no jwks_uri`)
    // A secret that the issuer does not take is a mistake of the configuration, not an outage.
    if (clientSecret !== undefined) chooseClientMethod({ clientSecret }, metadata)
    return { ...metadata, jwksUri }
  })
  const keys = lateKeySource(discovery, ({ jwksUri }) => createJwksKeySource({ jwksUri, dispatcher }))
  closeLater(keys.close)
  const status = createStatusListSource({ issuer, keys, allowedUris: `${issuer}/oauth2/status-lists/`, dispatcher })
  closeLater(status.close)
  const endpoint = async (): Promise<string | null> => (await discovery.get()).introspectionEndpoint
  const currentSecret = (): string => live.current.clientSecret ?? ''
  const client = { metadata: discovery.get, clientId, dispatcher }
  live.subscribe(secretsPresentSubscriber(live))
  if (clientSecret !== undefined) live.subscribe(clientSecretSubscriber({ ...client, current: currentSecret }))
  const proven = { ...client, ...clientProof(settings, currentSecret), ...refreshPaceOf(settings) }
  const asClient = isClient(settings) && {
    ...clientCollaborators(live, createTokenClient(proven), dispatcher),
    loginClient: createLoginClient(proven),
    ...(clientSecret !== undefined && {
      introspection: { endpoint, clientId, clientSecret: currentSecret, audience, issuer, dispatcher }
    })
  }
  const issuerAgent = settings.furtherIssuers === undefined ? undefined : openIssuerAgent(context)
  const redis = settings.redisUrl === undefined ? null : openRedis(settings.redisUrl, context)
  const rateLimitStore = redis === null ? undefined : redisRateLimitStore({ command: redis })
  const sessions = openSessionStore(settings, context, redis)
  const own = ownRoutes(partsOfSettings(settings, db !== null))
  const file = openRoutesFile(settings.routesPath, context.environment, own)
  const first = file.read()
  const table = tableOfReading(file, first)
  const routes = { file, first, readAgainAtHangup: context.readAgainAtHangup }
  const openUpstream = upstreamOpener(tls, context.peerAddresses)
  return {
    ...asClient,
    table,
    routes,
    openUpstream,
    keys,
    status,
    upstreamAgent,
    tracing,
    checks: { ...checks, ...sessions?.checks },
    ...(context.rememberOnce !== null && { proofReplays: { record: context.rememberOnce } }),
    ...defined({
      issuerAgent,
      db: db ?? undefined,
      tls: tls ?? undefined,
      sessionStore: sessions?.store,
      rateLimitStore
    })
  }
}

/** What a gateway that is a client of the authorization server does more: it logs in, exchanges, and lists sessions. */
function clientCollaborators(
  live: LiveSettings<GatewaySettings>,
  tokenClient: TokenClient,
  dispatcher: Dispatcher
): Pick<GatewayCollaborators, 'tokenClient' | 'sessionDirectory'> {
  const { authServerOrigin: origin } = live.current
  if (origin === undefined) return { tokenClient }
  const timeoutMs = (): number => live.current.upstreamTimeoutMs
  return { tokenClient, sessionDirectory: createSessionDirectory({ tokenClient, origin, dispatcher, timeoutMs }) }
}

/** Connections to an upstream that names limits or TLS of its own; what it does not name is that of the process. */
function upstreamOpener(own: TlsMaterial | null, addresses: Readonly<Record<string, string>>): OpenUpstream {
  return (_name, { tls = {}, maxConnections, maxQueued, connectTimeoutMs }) => {
    const { ca = own?.ca ?? publicAuthorities(), serverName } = tls
    const pair = tls.certificate === undefined ? own : { certificate: tls.certificate, privateKey: tls.key }
    return createPeerAgent({
      ca,
      addresses,
      ...defined({
        certificate: pair?.certificate,
        privateKey: pair?.privateKey,
        serverName,
        connections: maxConnections,
        maxQueued,
        connectTimeoutMs
      })
    })
  }
}

/** Without authorities of its own a gateway trusts those that Node trusts. */
function publicPeers({ closeLater }: ProcessContext): Agent {
  const agent = createPeerAgent({ ca: publicAuthorities() })
  closeLater(() => agent.close())
  return agent
}
