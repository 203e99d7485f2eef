import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AppModule } from './app-module.ts'
import type { CertificateFiles } from './certificates/process-certificates.ts'
import { givenLimits, inheritedVariables } from './passed-on-variables.ts'
import {
  CONFIGURATION_SERVER,
  hostNameOf,
  operationsPortOf,
  portOf,
  PROCESSES,
  type ProcessEntry
} from './processes.ts'
import { SERVICES } from './services.ts'
import type { Secrets } from './secrets.ts'
import { writePrivateFile } from './state-directory.ts'

/** What the environment of a process is made from. */
export interface Deployment {
  readonly portBase: number
  readonly tls: boolean
  /** How many processes the gateway is; left out: one. */
  readonly workers?: number
  readonly directory: string
  readonly secrets: Secrets
  readonly certificates: ReadonlyMap<string, CertificateFiles>
  /** URL of the app role of each process's database. */
  readonly databaseUrls: ReadonlyMap<string, string>
  /** The same of the role that removes old audit rows. */
  readonly prunerUrls: ReadonlyMap<string, string>
  /** Where the spans of a trace are asked for, when the launcher collects them. */
  readonly collector?: string
}

/** The routes of the local stack. */
const ROUTES_PATH = fileURLToPath(new URL('../gateway.yaml', import.meta.url))

/** What a login in the browser asks for; the authorization server gives what the user's roles allow. */
const LOGIN_SCOPES = [
  ...['openid', 'profile', 'admin', 'audit:read', 'operations'],
  ...SERVICES.flatMap(({ scopes }) => scopes.filter(({ description }) => description !== undefined)).map(
    ({ name }) => name
  )
].join(' ')

/** Processes that others call. */
const GATEWAY = 'reference-gateway'
const CALLED = PROCESSES.filter(({ name }) => name !== GATEWAY)

/** The issuer of the deployment. */
export function issuerOf(portBase: number): string {
  return `https://localhost:${portBase + 1}`
}

/** Where clients reach the gateway. */
export function gatewayOf({ portBase, tls }: { portBase: number; tls: boolean }): string {
  return tls ? `https://localhost:${portBase}` : `http://127.0.0.1:${portBase}`
}

/**
 * The environment of one process: only what its settings schema knows, so that no process sees another one's secrets.
 * Secrets are files that only this user can read, named by `*_FILE`.
 */
export function environmentOf(
  entry: ProcessEntry,
  app: AppModule,
  deployment: Deployment,
  own: NodeJS.ProcessEnv
): Record<string, string> {
  const known = app.settingsSchema?.properties ?? {}
  const environment: Record<string, string> = { ...inheritedVariables(own), NODE_ENV: own.NODE_ENV ?? 'development' }
  for (const [key, variable, value] of plainSettings(entry, deployment, own)) {
    if (Object.hasOwn(known, key)) environment[variable] = value
  }
  if (Object.hasOwn(known, 'routesPath')) Object.assign(environment, routeReferences(deployment.portBase))
  for (const [key, variable, value] of secretSettings(entry, deployment)) {
    if (!Object.hasOwn(known, key)) continue
    const path = join(deployment.directory, 'run', entry.name, variable.toLowerCase().replaceAll('_', '-'))
    writePrivateFile(path, `${value}\n`)
    environment[`${variable}_FILE`] = path
  }
  return environment
}

type Setting = readonly [key: string, variable: string, value: string]

function plainSettings(
  entry: ProcessEntry,
  { portBase, tls, workers = 1, certificates, directory }: Deployment,
  own: NodeJS.ProcessEnv
): Setting[] {
  const files = certificates.get(entry.name)
  const addresses = [...PROCESSES.map(hostNameOf), 'localhost'].map(name => `${name}=127.0.0.1`).join(' ')
  return [
    ['port', 'PORT', String(portOf(entry, portBase))],
    ['logLevel', 'LOG_LEVEL', own.LOG_LEVEL ?? 'info'],
    ['host', 'SALLYPORT_HOST', '127.0.0.1'],
    ['operationsPort', 'SALLYPORT_OPERATIONS_PORT', String(operationsPortOf(entry, portBase))],
    // There is no load balancer here that has to notice first.
    ['drainDelayMs', 'SALLYPORT_DRAIN_DELAY_MS', own.SALLYPORT_DRAIN_DELAY_MS ?? '0'],
    ...givenLimits(own),
    ['mtlsPort', 'SALLYPORT_MTLS_PORT', String(portBase + (entry.morePortOffsets[0] ?? 0))],
    ['issuer', 'SALLYPORT_ISSUER', issuerOf(portBase)],
    ['clientId', 'SALLYPORT_CLIENT_ID', entry.clientId ?? ''],
    ['edgeTls', 'SALLYPORT_EDGE_TLS', String(tls)],
    ['workers', 'SALLYPORT_WORKERS', String(workers)],
    ['resource', 'SALLYPORT_RESOURCE', resourceOf(entry, { portBase, tls })],
    ['boundTokens', 'SALLYPORT_BOUND_TOKENS', entry.name === 'reference-gateway' && !tls ? 'dpop' : 'dpop certificate'],
    ['loginScopes', 'SALLYPORT_LOGIN_SCOPES', LOGIN_SCOPES],
    ['webClient', 'SALLYPORT_WEB_CLIENT', 'true'],
    ['routesPath', 'SALLYPORT_ROUTES_PATH', own.SALLYPORT_ROUTES_PATH ?? ROUTES_PATH],
    ['peerAddresses', 'SALLYPORT_PEER_ADDRESSES', addresses],
    ['tlsCertificatePath', 'SALLYPORT_TLS_CERTIFICATE_PATH', files?.certificatePath ?? ''],
    ['tlsPrivateKeyPath', 'SALLYPORT_TLS_PRIVATE_KEY_PATH', files?.privateKeyPath ?? ''],
    ['tlsCaPath', 'SALLYPORT_TLS_CA_PATH', files?.caPath ?? ''],
    // Peers call it by the name in its certificate, and not by that of the issuer.
    ...(entry.name === 'auth-server' ? [['allowedHosts', 'SALLYPORT_ALLOWED_HOSTS', hostNameOf(entry)] as const] : []),
    ...auditTrail(entry, directory, own),
    ['auditTrails', 'SALLYPORT_AUDIT_TRAILS', auditTrails(portBase)],
    ...configurationServer(entry, portBase, directory),
    ...peerOrigins(portBase)
  ]
}

/** What happens to audit rows while the database is away, and where the signatures of the trail are kept. */
function auditTrail({ name }: ProcessEntry, directory: string, own: NodeJS.ProcessEnv): Setting[] {
  const folder = join(directory, 'audit', name)
  return [
    ['auditOutageRefusals', 'SALLYPORT_AUDIT_OUTAGE_REFUSALS', 'spill'],
    ['auditOutageReads', 'SALLYPORT_AUDIT_OUTAGE_READS', 'spill'],
    ['auditSpillPath', 'SALLYPORT_AUDIT_SPILL_PATH', join(folder, 'spill')],
    ['auditCheckpointOrigin', 'SALLYPORT_AUDIT_CHECKPOINT_ORIGIN', `${name}.sallyport.internal/audit`],
    ['auditAnchorPath', 'SALLYPORT_AUDIT_ANCHOR_PATH', join(folder, 'checkpoints')],
    ['auditVerifierPlacePath', 'SALLYPORT_AUDIT_VERIFIER_PLACE_PATH', join(folder, 'verified')],
    ['auditKeepDays', 'SALLYPORT_AUDIT_KEEP_DAYS', own.SALLYPORT_AUDIT_KEEP_DAYS ?? '365'],
    [
      'auditKeepClasses',
      'SALLYPORT_AUDIT_KEEP_CLASSES',
      own.SALLYPORT_AUDIT_KEEP_CLASSES ?? 'session.*,token.*=730d;*.read=90d'
    ],
    // A trail of the demo is short, and verified again and again.
    [
      'auditVerifierIntervalMs',
      'SALLYPORT_AUDIT_VERIFIER_INTERVAL_MS',
      own.SALLYPORT_AUDIT_VERIFIER_INTERVAL_MS ?? '5000'
    ],
    [
      'auditCheckpointIntervalMs',
      'SALLYPORT_AUDIT_CHECKPOINT_INTERVAL_MS',
      own.SALLYPORT_AUDIT_CHECKPOINT_INTERVAL_MS ?? '60000'
    ]
  ]
}

/** The trails that the gateway searches beside its own. */
function auditTrails(portBase: number): string {
  return CALLED.map(peer => `${peer.name}=${originOf(peer, portBase)}/audit`).join(' ')
}

/**
 * Where services and gateway pull settings from that may. Until somebody puts any there, the defaults are good. The
 * gateway's client acts for users and gets no tokens for itself: it has another client for this.
 */
function configurationServer(entry: ProcessEntry, portBase: number, directory: string): Setting[] {
  const server = PROCESSES.find(({ name }) => name === CONFIGURATION_SERVER)
  if (server === undefined || !pullsSettings(entry)) return []
  return [
    ...(entry.name === GATEWAY
      ? [['configurationClientId', 'SALLYPORT_CONFIGURATION_CLIENT_ID', entry.name] as const]
      : []),
    ['configurationUrl', 'SALLYPORT_CONFIGURATION_URL', originOf(server, portBase)],
    ['configurationAudience', 'SALLYPORT_CONFIGURATION_AUDIENCE', CONFIGURATION_SERVER],
    [
      'configurationSnapshotPath',
      'SALLYPORT_CONFIGURATION_SNAPSHOT_PATH',
      join(directory, 'run', entry.name, 'settings-snapshot')
    ],
    ['configurationOutage', 'SALLYPORT_CONFIGURATION_OUTAGE', 'start-with-defaults']
  ]
}

function pullsSettings({ name }: ProcessEntry): boolean {
  return name === GATEWAY || SERVICES.some(service => service.name === name)
}

/** Where every process is that others call by a setting of theirs. */
function peerOrigins(portBase: number): Setting[] {
  return CALLED.map(peer => {
    const key = `${peer.name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())}Origin`
    return [key, `SALLYPORT_${originVariable(peer)}`, originOf(peer, portBase)]
  })
}

/** The address under which clients know a process as a protected resource. */
function resourceOf(entry: ProcessEntry, edge: { readonly portBase: number; readonly tls: boolean }): string {
  return entry.name === 'reference-gateway' ? gatewayOf(edge) : originOf(entry, edge.portBase)
}

/** What the file of routes refers to: `ORDER_SERVICE_ORIGIN` and the like. */
function routeReferences(portBase: number): Record<string, string> {
  return Object.fromEntries(CALLED.map(peer => [originVariable(peer), originOf(peer, portBase)]))
}

function originVariable(peer: ProcessEntry): string {
  return `${peer.name.replaceAll('-', '_').toUpperCase()}_ORIGIN`
}

function originOf(peer: ProcessEntry, portBase: number): string {
  return `https://${hostNameOf(peer)}:${portOf(peer, portBase)}`
}

function secretSettings(entry: ProcessEntry, { secrets, databaseUrls, prunerUrls }: Deployment): Setting[] {
  const sealingKeys = secrets.sealingKeys[entry.name] ?? ''
  return [
    ['databaseUrl', 'DATABASE_URL', databaseUrls.get(entry.name) ?? ''],
    ['auditPrunerDatabaseUrl', 'SALLYPORT_AUDIT_PRUNER_DATABASE_URL', prunerUrls.get(entry.name) ?? ''],
    ['clientSecret', 'SALLYPORT_CLIENT_SECRET', secrets.clients[entry.clientId ?? ''] ?? ''],
    ['sealingKeys', 'SALLYPORT_SEALING_KEYS', sealingKeys],
    ...(pullsSettings(entry)
      ? [['configurationSnapshotKeys', 'SALLYPORT_CONFIGURATION_SNAPSHOT_KEYS', sealingKeys] as const]
      : []),
    ...(entry.name === GATEWAY
      ? [
          [
            'configurationClientSecret',
            'SALLYPORT_CONFIGURATION_CLIENT_SECRET',
            secrets.clients[entry.name] ?? ''
          ] as const
        ]
      : []),
    ['auditNameKey', 'SALLYPORT_AUDIT_NAME_KEY', secrets.auditNameKey],
    ['auditPersonKeys', 'SALLYPORT_AUDIT_PERSON_KEYS', secrets.auditPersonKeys[entry.name] ?? ''],
    ['auditSpillKeys', 'SALLYPORT_AUDIT_SPILL_KEYS', secrets.auditSpillKeys[entry.name] ?? ''],
    ['auditCheckpointKeys', 'SALLYPORT_AUDIT_CHECKPOINT_KEYS', secrets.auditCheckpointKeys[entry.name] ?? ''],
    ['passwordPeppers', 'SALLYPORT_PASSWORD_PEPPERS', secrets.passwordPeppers]
  ]
}
