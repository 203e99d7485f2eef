// Our candidate: the gateway as it is deployed, with every plugin on: keys and status list from a real issuer over TLS,
// the audit trail on PostgreSQL. Only the exchange of tokens is answered at once, and no load is shed.
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createJwksKeySource, createStatusListSource } from '@sallyport/authentication'
import { allocateYoung, buildApp, type GatewaySettings } from '@sallyport/reference-gateway'
import { createPeerAgent } from '@sallyport/secure-transport'
import type { TokenClient } from '@sallyport/security-context'
import { startTracing, type Tracing } from '@sallyport/service-process'
import type { FastifyInstance } from 'fastify'
import knex from 'knex'
import { openTracing } from '../../../../plugins/service-process/src/open-tracing.ts'
import { localTable } from '../../../support/local-table.ts'
import { AUDIT_TRAIL_SETTINGS } from '../../../support/audit-settings.ts'
import { PROCESS_SETTINGS } from '../../../support/process-settings.ts'
import type { MeasuredServer } from '../../support/types.ts'
import { readServerFacts, type ServerFacts } from '../server-facts.ts'

const AUDIENCE = 'sallyport-gateway'
const EXCHANGED = { accessToken: 'x'.repeat(600), refreshToken: null, expiresInSeconds: 3600, scope: null }

/**
 * @param given {@link readServerFacts}; `databaseUrl`; `log`: with access log and trace propagation; `exportedShare`:
 * with spans, of which this share of the traces is exported to the collector; `sessionsOf`: file with a token a line,
 * each becomes a session; `sessionsTo`: file for their `Cookie` lines
 */
export default async function startGateway(given: Readonly<Record<string, unknown>>): Promise<MeasuredServer> {
  // As `connectGateway` does, which makes other collaborators.
  allocateYoung()
  const facts = readServerFacts(given)
  const { upstream, ca, issuer, jwksUri, statusLists } = facts
  const dispatcher = createPeerAgent({ ca })
  const upstreamAgent = createPeerAgent({ ca, connections: 128 })
  const keys = createJwksKeySource({ jwksUri, dispatcher })
  const status = createStatusListSource({ issuer, keys, allowedUris: statusLists, dispatcher })
  const db = knex({ client: 'pg', connection: String(given.databaseUrl), pool: { min: 0, max: 5 } })
  const tracing = await measuredTracing(given, facts)
  const app = await buildApp(gatewaySettings(issuer, upstream, given.log === true), {
    tokenClient: standInTokenClient(given.sessionsOf),
    keys,
    status,
    introspection: {
      endpoint: `${issuer}/introspect`,
      clientId: 'gateway',
      clientSecret: 'secret-of-the-benchmark',
      audience: AUDIENCE,
      issuer,
      dispatcher
    },
    upstreamAgent,
    table: localTable({ orders: upstream, restaurants: upstream, deliveries: upstream, authServer: upstream }),
    db,
    ...(tracing && { tracing })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  if (typeof given.sessionsTo === 'string') await openSessions(app, String(given.sessionsOf), given.sessionsTo)
  const { port } = app.server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    requests: {},
    close: async () => {
      await app.close()
      await Promise.all([keys.close(), status.close(), upstreamAgent.destroy(), dispatcher.destroy()])
      await db.destroy()
      await tracing?.close()
    }
  }
}

async function measuredTracing(
  given: Readonly<Record<string, unknown>>,
  { collector }: ServerFacts
): Promise<Tracing | undefined> {
  const name = 'reference-gateway'
  if (typeof given.exportedShare !== 'number') {
    return given.log === true ? startTracing({ serviceName: name, acceptIncoming: false }) : undefined
  }
  const settings = {
    ...PROCESS_SETTINGS,
    ...AUDIT_TRAIL_SETTINGS,
    otelExporterOtlpEndpoint: collector,
    otelExporterOtlpCertificate: process.env.NODE_EXTRA_CA_CERTS ?? '',
    otelTracesSampler: 'parentbased_traceidratio',
    otelTracesSamplerArg: given.exportedShare
  }
  const { tracing } = openTracing({ name, settings, acceptTraces: false, tls: null, addresses: {}, log: console })
  return tracing
}

function gatewaySettings(issuer: string, upstream: string, isLogged: boolean): GatewaySettings {
  return {
    ...PROCESS_SETTINGS,
    ...AUDIT_TRAIL_SETTINGS,
    nodeEnv: 'production',
    logLevel: isLogged ? 'info' : 'silent',
    tlsCertificatePath: 'unused',
    tlsPrivateKeyPath: 'unused',
    tlsCaPath: 'unused',
    edgeTls: false,
    issuer,
    audience: AUDIENCE,
    tokenProfile: 'rfc9068',
    clientId: 'gateway',
    clientSecret: 'unused-unused-unused-unused-unused',
    sealingKeys: `key-1:${randomBytes(32).toString('base64url')}`,
    auditTrails: [],
    routesPath: 'unused',
    authServerOrigin: upstream,
    publicOrigins: [],
    allowedHosts: [],
    additionalRequestHeaders: [],
    maxBodyBytes: 1_048_576,
    upstreamTimeoutMs: 10_000,
    answerTimeoutMs: 30_000,
    streamPauseMs: 60_000,
    loginScopes: [],
    gatewayProcesses: 1,
    workers: 1,
    webClient: false,
    sessionStore: 'cookies',
    sessionIdleSeconds: 14_400,
    sessionAbsoluteSeconds: 86_400,
    refreshLeaseMs: 60_000,
    backchannelLogout: false,
    loginDpop: false,
    loginParameters: [],
    loginsPerMinute: 1_000_000,
    boundTokens: []
  }
}

/** Answers at once: what a round trip to the authorization server costs is not the gateway's. */
function standInTokenClient(sessionsOf: unknown): TokenClient {
  const tokens = typeof sessionsOf === 'string' ? tokensIn(sessionsOf) : []
  const unexpected = async (): Promise<never> => {
    throw new Error('not expected in the benchmark')
  }
  return {
    password: async ({ username }) => ({
      accessToken: tokens[Number(username)] ?? '',
      refreshToken: 'r'.repeat(60),
      expiresInSeconds: 3600,
      scope: null
    }),
    refresh: unexpected,
    clientCredentials: unexpected,
    revoke: async () => {},
    exchange: async () => EXCHANGED
  }
}

const tokensIn = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map(line => line.replace('Authorization: Bearer ', ''))

async function openSessions(app: FastifyInstance, from: string, to: string): Promise<void> {
  const lines: string[] = []
  for (const [user] of tokensIn(from).entries()) {
    const { statusCode, cookies, body } = await app.inject({
      method: 'POST',
      url: '/login',
      headers: { host: 'localhost' },
      payload: { username: String(user), password: 'a password of the benchmark' }
    })
    if (statusCode !== 200) throw new Error(`login answered ${statusCode}: ${body}`)
    lines.push(`Cookie: ${cookies.map(({ name, value }) => `${name}=${value}`).join('; ')}`)
  }
  writeFileSync(to, `${lines.join('\n')}\n`)
}
