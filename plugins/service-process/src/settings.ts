import type { DeepReadonly } from '@sallyport/configuration'
import { isLoopback } from '@sallyport/security-context/mechanics'
import Type, { type Static, type TObject } from 'typebox'
import { databaseUrlMistake } from './database-url.ts'
import { LOGGED_ADDRESSES } from './logged-addresses.ts'
import { otlpMistakes, otlpProperties } from './otlp-settings.ts'
import { sourceSettings } from './settings-sources.ts'
import { trustedProxyMistakes } from './trusted-proxies.ts'

/** Where a process listens by default. */
export interface ProcessPorts {
  readonly port: number
  readonly operationsPort: number
}

const portSetting = (value: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: value, description })
const millisecondsSetting = (minimum: number, maximum: number, value: number, description: string, more = {}) =>
  Type.Integer({ minimum, maximum, default: value, description, ...more })
/** May come from a configuration server, and change while the process runs. */
const LIVE_LOAD_LIMIT = { live: true, pulled: true }
const pathSetting = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))
const wordList = (description: string, pattern?: string) =>
  Type.Array(Type.String(pattern === undefined ? {} : { pattern }), { separator: ' ', default: [], description })

const databaseUrlSetting = (without: string) =>
  Type.String({
    secret: true,
    live: true,
    pattern: '^postgres(ql)?://',
    description:
      'The database, as the role that serves; to another host only with `sslmode=verify-full&sslrootcert=<file>`.' +
      without
  })

/**
 * For a process that can do without a database: to be spread after {@link processSettings}.
 * @param without what it does without one, a sentence
 */
export function optionalDatabase(without: string) {
  return { databaseUrl: Type.Optional(databaseUrlSetting(` Left out: ${without}`)) }
}

/**
 * The settings that every process has, to be spread into its own schema. Serialisable values only; collaborators are
 * made from them.
 */
export function processSettings(ports: ProcessPorts) {
  return {
    nodeEnv: Type.Optional(
      Type.String({ description: '`production` refuses demonstration secrets and whatever is for tests only.' })
    ),
    commit: Type.Optional(
      Type.String({
        pattern: '^[0-9A-Za-z._-]{1,64}$',
        description: 'What the process was built of, for `sallyport_build_info`: a commit or a build number.'
      })
    ),
    ...sourceSettings(),
    logLevel: Type.String({
      default: 'info',
      live: true,
      pulled: true,
      pattern: '^(fatal|error|warn|info|debug|trace|silent)$',
      description: 'Lines below this level are left out: `fatal`, `error`, `warn`, `info`, `debug`, `trace`, `silent`.'
    }),
    logAddresses: Type.Enum([...LOGGED_ADDRESSES], {
      default: 'network',
      description:
        'What the log has of addresses of callers: their `network` (/24 of IPv4, /48 of IPv6), `none`, or `full`: then ' +
        'lines about a person outlive the erasure of that person in the audit trail.'
    }),
    host: Type.String({
      default: '127.0.0.1',
      description: 'The address that the process listens on; plain HTTP on loopback only.'
    }),
    port: portSetting(ports.port, 'The port that the process listens on; 0 takes a free one.'),
    operationsHost: Type.String({
      default: '127.0.0.1',
      description: 'The address of health and metrics, which callers must not reach; beyond loopback it speaks TLS.'
    }),
    operationsPort: portSetting(ports.operationsPort, 'The port of health and metrics.'),
    tlsCertificatePath: pathSetting(
      'Certificate chain of the process (PEM). All three TLS paths, or none on loopback.'
    ),
    tlsPrivateKeyPath: pathSetting('Private key of that certificate (PEM).'),
    tlsCaPath: pathSetting('Authorities that vouch for the peers of the process (PEM).'),
    databaseUrl: databaseUrlSetting(''),
    databaseConnections: Type.Integer({
      minimum: 2,
      maximum: 100,
      default: 8,
      description: 'Most connections to the database at a time.'
    }),
    databaseTimeoutMs: millisecondsSetting(
      100,
      60_000,
      5000,
      'Longest wait for the database: for a connection, a statement, an answer.'
    ),
    peerAddresses: wordList('`name=ip` for peers that no name server knows.', '^[a-z0-9.-]+=[0-9a-f.:]+$'),
    trustedProxies: wordList(
      'Addresses or CIDR blocks of proxies whose `X-Forwarded-*` is believed. `X-Forwarded-For` is read from its end to ' +
        'the first address that is no such proxy.'
    ),
    drainDelayMs: millisecondsSetting(
      0,
      300_000,
      5000,
      'How long everything is served after the signal to stop, while readiness fails and before the listener closes.'
    ),
    clockToleranceSeconds: Type.Integer({
      minimum: 0,
      maximum: 60,
      default: 5,
      description: 'By how much the clock of an issuer may differ from the own one.'
    }),
    maxEventLoopDelayMs: millisecondsSetting(
      1,
      60_000,
      500,
      'Requests are shed with 503 above this mean delay of the event loop in the last second.',
      LIVE_LOAD_LIMIT
    ),
    maxEventLoopUtilization: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      default: 1,
      ...LIVE_LOAD_LIMIT,
      description: 'Requests are shed above this share of the last second in which the event loop was busy; 1: never.'
    }),
    ...otlpProperties
  }
}

/** The properties of {@link processSettings}. */
export type ProcessProperties = Omit<ReturnType<typeof processSettings>, 'databaseUrl'> &
  (Pick<ReturnType<typeof processSettings>, 'databaseUrl'> | ReturnType<typeof optionalDatabase>)

/** The settings of every process as values. */
export type ProcessSettings = DeepReadonly<
  Omit<Static<TObject<ReturnType<typeof processSettings>>>, 'databaseUrl'> & { databaseUrl?: string | undefined }
>

/** Checks of the settings of a process that a schema cannot express: one sentence per mistake, without secrets. */
export function processSettingsMistakes(settings: ProcessSettings): string[] {
  const database = settings.databaseUrl === undefined ? null : databaseUrlMistake(settings.databaseUrl)
  return [
    ...tlsMistakes(settings),
    ...(database === null ? [] : [`databaseUrl: ${database}`]),
    ...trustedProxyMistakes(settings.trustedProxies),
    ...otlpMistakes(settings)
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
