import { createJwksKeySource, createStatusListSource } from '@sallyport/authentication'
import { loadSettings } from '@sallyport/configuration'
import { createPeerAgent, loadTlsMaterial, refuseInsecureRuntime, serverTls } from '@sallyport/secure-transport'
import { closeTimeoutFor, databaseLog, runService, startTracing } from '@sallyport/service-process'
import { createTokenClient, discoverMetadata } from '@sallyport/token-exchange'
import type { FastifyInstance } from 'fastify'
import knex from 'knex'
import { AUDIENCE, buildApp } from './app.ts'
import { discoverPatiently } from './discover-patiently.ts'
import { createSessionDirectory } from './session-directory.ts'
import { addressesOf, checkSettings, type GatewaySettings, settingsSchema } from './settings.ts'

const NAME = 'reference-gateway'
const DISCOVERY_PATIENCE_MS = 30_000

/** Makes the collaborators from the settings, and closes them with the app. */
async function build (settings: GatewaySettings): Promise<FastifyInstance> {
  checkSettings(settings)
  const material = await loadTlsMaterial({ certificatePath: settings.tlsCertificatePath, privateKeyPath: settings.tlsPrivateKeyPath, caPath: settings.tlsCaPath })
  const peerAgent = createPeerAgent({ ...material, addresses: addressesOf(settings) })
  const { issuer, clientId, clientSecret } = settings
  const metadata = await discoverPatiently(() => discoverMetadata({ issuer, dispatcher: peerAgent }), DISCOVERY_PATIENCE_MS)
  const keys = createJwksKeySource({ jwksUri: metadata.jwksUri ?? '', dispatcher: peerAgent })
  const status = createStatusListSource({ issuer, keys, allowedUris: `${issuer}/oauth2/status-lists/`, dispatcher: peerAgent })
  const db = knex({ client: 'pg', log: databaseLog, connection: settings.databaseUrl, pool: { min: 0, max: 5 } })
  const tokenClient = createTokenClient({ metadata, clientId, clientSecret, dispatcher: peerAgent })
  const sessionDirectory = createSessionDirectory({ tokenClient, origin: settings.authServerOrigin, dispatcher: peerAgent, timeoutMs: settings.upstreamTimeoutMs })
  const tracing = startTracing({ serviceName: NAME, acceptIncoming: false })
  return await buildApp(settings, {
    tokenClient,
    sessionDirectory,
    keys,
    status,
    ...(metadata.introspectionEndpoint !== null && {
      introspection: { endpoint: metadata.introspectionEndpoint, clientId, clientSecret, audience: AUDIENCE, issuer, dispatcher: peerAgent }
    }),
    upstreamAgent: peerAgent,
    db,
    tracing,
    ...(settings.edgeTls && { tls: serverTls(material) }),
    close: async () => { await Promise.allSettled([keys.close(), status.close(), peerAgent.close(), db.destroy(), tracing.close()]) }
  })
}

const listen: { host: string, port: number, drainDelayMs?: number, closeTimeoutMs?: number } = { host: '127.0.0.1', port: 0 }
await runService({
  name: NAME,
  // Read after `build`, which has found them by then.
  get host () { return listen.host },
  get port () { return listen.port },
  get drainDelayMs () { return listen.drainDelayMs },
  get closeTimeoutMs () { return listen.closeTimeoutMs },
  build: async () => {
    refuseInsecureRuntime(process.env, process.execArgv)
    const { values } = loadSettings({ schema: settingsSchema, environment: process.env })
    const { host, port, drainDelayMs, upstreamTimeoutMs } = values
    Object.assign(listen, { host, port, drainDelayMs, closeTimeoutMs: closeTimeoutFor(upstreamTimeoutMs) })
    return await build(values)
  }
})
