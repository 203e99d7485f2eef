import type { DeepReadonly } from '@sallyport/configuration'
import { isLoopback } from '@sallyport/security-context/mechanics'
import Type, { type Static, type TObject } from 'typebox'
import { databaseUrlMistake } from './database-url.ts'
import { trustedProxyMistakes } from './trusted-proxies.ts'

/** Where a process listens by default. */
export interface ProcessPorts {
  readonly port: number
  readonly operationsPort: number
}

const portSetting = (value: number) => Type.Integer({ minimum: 0, maximum: 65_535, default: value })
const millisecondsSetting = (minimum: number, maximum: number, value: number) =>
  Type.Integer({ minimum, maximum, default: value })
const wordList = (pattern?: string) =>
  Type.Array(Type.String(pattern === undefined ? {} : { pattern }), { separator: ' ', default: [] })

/**
 * The settings that every process has, to be spread into its own schema. Serialisable values only; collaborators are
 * made from them.
 */
export function processSettings(ports: ProcessPorts) {
  return {
    nodeEnv: Type.Optional(Type.String()),
    logLevel: Type.String({ default: 'info', pattern: '^(fatal|error|warn|info|debug|trace|silent)$' }),
    host: Type.String({ default: '127.0.0.1' }),
    port: portSetting(ports.port),
    /** Health, metrics and whatever else only operators read: not where callers are. */
    operationsHost: Type.String({ default: '127.0.0.1' }),
    operationsPort: portSetting(ports.operationsPort),
    tlsCertificatePath: Type.Optional(Type.String({ minLength: 1 })),
    tlsPrivateKeyPath: Type.Optional(Type.String({ minLength: 1 })),
    tlsCaPath: Type.Optional(Type.String({ minLength: 1 })),
    databaseUrl: Type.String({ secret: true, pattern: '^postgres(ql)?://' }),
    databaseConnections: Type.Integer({ minimum: 2, maximum: 100, default: 8 }),
    /** Longest wait for the database: for a connection, a statement, an answer. */
    databaseTimeoutMs: millisecondsSetting(100, 60_000, 5000),
    /** `name=ip`: peers that no name server knows. */
    peerAddresses: wordList('^[a-z0-9.-]+=[0-9a-f.:]+$'),
    /** Addresses or CIDR blocks of proxies whose forwarding headers are believed: see `trustedProxyRule`. */
    trustedProxies: wordList(),
    /** Between the signal to stop and the end of the listener, while readiness fails and everything is served. */
    drainDelayMs: millisecondsSetting(0, 300_000, 5000),
    /** By how much the clock of the issuer may differ from ours. */
    clockToleranceSeconds: Type.Integer({ minimum: 0, maximum: 60, default: 5 }),
    /** Requests are shed above this mean delay of the event loop in the last second. */
    maxEventLoopDelayMs: millisecondsSetting(1, 60_000, 500),
    /** Requests are shed above this share of the last second in which the event loop was busy; 1 never sheds. */
    maxEventLoopUtilization: Type.Number({ exclusiveMinimum: 0, maximum: 1, default: 1 })
  }
}

/** The properties of {@link processSettings}. */
export type ProcessProperties = ReturnType<typeof processSettings>

/** The settings of every process as values. */
export type ProcessSettings = DeepReadonly<Static<TObject<ProcessProperties>>>

/** Checks of the settings of a process that a schema cannot express: one sentence per mistake, without secrets. */
export function processSettingsMistakes(settings: ProcessSettings): string[] {
  const database = databaseUrlMistake(settings.databaseUrl)
  return [
    ...tlsMistakes(settings),
    ...(database === null ? [] : [`databaseUrl: ${database}`]),
    ...trustedProxyMistakes(settings.trustedProxies)
  ]
}

function tlsMistakes(settings: ProcessSettings): string[] {
  const { host, operationsHost, tlsCertificatePath, tlsPrivateKeyPath, tlsCaPath } = settings
  const given = [tlsCertificatePath, tlsPrivateKeyPath, tlsCaPath].filter(path => path !== undefined).length
  if (given === 3) return []
  if (given > 0) return ['tlsCertificatePath, tlsPrivateKeyPath and tlsCaPath belong together']
  const open = Object.entries({ host, operationsHost }).filter(([, address]) => !isLoopback(address))
  return open.map(
    ([name, address]) =>
      `${name}: plain HTTP on ${address} would expose what it serves to the network: set tlsCertificatePath, ` +
      'tlsPrivateKeyPath and tlsCaPath'
  )
}
