import { auditTrailMistakes, auditTrailSettings, leftWorkerFolders } from '@sallyport/audit-log'
import { furtherIssuersMistakes, furtherIssuersSettings, PROFILE_NAMES } from '@sallyport/authentication'
import type { DeepReadonly } from '@sallyport/configuration'
import { refusedNames } from '@sallyport/forwarding'
import { isLoopback, readKeyRing } from '@sallyport/security-context/mechanics'
import {
  allowedHostMistakes,
  configurationServerSettings,
  optionalDatabase,
  processSettings
} from '@sallyport/service-process'
import { type Static, Type } from 'typebox'
import { parseUpstreamTrail } from './audit-search.ts'
import { GatewaySettingsError } from './errors.ts'
import { publicOriginMistakes } from './public-origins.ts'
import { workersMistakes } from './workers-mistakes.ts'
import { isClient, sessionSettings, sessionSettingsMistakes } from './session-settings.ts'

/** The audience of the tokens that the edge accepts, unless a setting names another. */
export const EDGE_AUDIENCE = 'sallyport-gateway'

/** A list in one environment variable, separated by spaces. */
const nameList = (description: string): ReturnType<typeof Type.Unsafe<string[]>> =>
  Type.Unsafe<string[]>({ type: 'array', items: { type: 'string' }, separator: ' ', default: [], description })
const secretSetting = (description: string, live = false) =>
  Type.String({ minLength: 32, secret: true, live, demoPrefix: 'demo-', description })
/** May be pulled; `live` when every user of it follows a change. */
const limitSetting = (value: number, description: string, live = false) =>
  Type.Integer({ minimum: 1, default: value, pulled: true, live, description })

/** Every setting of the gateway; `@sallyport/configuration` says how each is set. */
export const settingsSchema = Type.Object(
  {
    ...processSettings({ port: 8080, operationsPort: 8180 }),
    ...configurationServerSettings(),
    ...optionalDatabase('no audit trail; refusals are in the log and the metrics.'),
    edgeTls: Type.Boolean({
      default: false,
      description: 'Whether the edge speaks TLS itself; plain HTTP is for a loopback address only.'
    }),
    issuer: Type.String({ format: 'secure-url', description: 'The authorization server.' }),
    clientId: Type.String({ minLength: 1, default: 'gateway', description: 'The OAuth client that this gateway is.' }),
    clientSecret: Type.Optional(
      secretSetting(
        'The secret of that client. Left out, and `clientKey` too: no logins, no exchange of tokens, JWTs only.',
        true
      )
    ),
    audience: Type.String({
      minLength: 1,
      default: EDGE_AUDIENCE,
      description: 'The audience of the tokens that are accepted.'
    }),
    tokenProfile: Type.Enum([...PROFILE_NAMES], {
      default: 'rfc9068',
      description: `How the issuer writes its access tokens: ${PROFILE_NAMES.map(name => `\`${name}\``).join(', ')}.`
    }),
    ...furtherIssuersSettings(),
    resource: Type.Optional(
      Type.String({
        format: 'secure-url',
        description:
          'The address under which clients know this gateway as a protected resource (RFC 9728). Left out: it says ' +
          'nothing of itself.'
      })
    ),
    boundTokens: nameList(
      'Tokens that are accepted beside bearer tokens: `dpop` for those that are bound to a DPoP key, which needs ' +
        '`SALLYPORT_RESOURCE`; `certificate` for those that are bound to a client certificate, which needs TLS at the edge.'
    ),
    sealingKeys: Type.Optional(
      secretSetting(
        'Key ring of the session cookies, newest first: `id:base64url` of 32 bytes each, separated by spaces. Left ' +
          'out: no sessions.',
        true
      )
    ),
    ...auditTrailSettings(),
    auditTrails: nameList(
      'Audit trails of other processes that `GET /audit/events` searches too, `audience=https://origin/path` each.'
    ),
    routesPath: Type.String({
      minLength: 1,
      description: 'The file of upstreams and routes, `gateway.yaml`; read again at SIGHUP and when it changes.'
    }),
    routesOverlay: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 65_536,
        pulled: true,
        live: true,
        structured: true,
        description:
          'What is laid over that file, as YAML or JSON: limits, and routes to its upstreams that ask no less of ' +
          'callers. `{}` overrules what a configuration server says.'
      })
    ),
    authServerOrigin: Type.Optional(
      Type.String({
        format: 'secure-origin',
        description: 'Where the authorization server lists the sessions of a caller. Left out: no `/sessions`.'
      })
    ),
    publicOrigins: nameList(
      'How browsers reach the edge, `https://shop.example`, the canonical one first: cookies, HSTS, `Origin` checks and ' +
        'what services are told follow from it. None: scheme and host of each request, for a listener that browsers ' +
        'connect to themselves.'
    ),
    allowedHosts: nameList(
      'Hosts that are served, `name` or `name:port`; a name alone allows the default port and that of the listener. ' +
        'None: those of the public origins, and without them loopback names and the address of the listener.'
    ),
    additionalRequestHeaders: nameList(
      'Request headers that reach the services beside the built-in ones, where the file of routes says nothing else; so for the limits below.'
    ),
    maxBodyBytes: limitSetting(1_048_576, 'Longest body of a request, in bytes.', true),
    upstreamTimeoutMs: limitSetting(
      10_000,
      'From the arrival of a request to the head of its answer, and between two parts of the body of the answer.',
      true
    ),
    answerTimeoutMs: limitSetting(30_000, 'From the arrival of a request to the end of its answer.', true),
    streamPauseMs: limitSetting(
      60_000,
      'Between two parts of the answer on a route that is declared as a stream.',
      true
    ),
    loginScopes: nameList(
      'Scopes that a login at the issuer asks for, `openid` among them. None: no login at the issuer, browsers log in by ' +
        '`POST /login`.'
    ),
    loginParameters: nameList(
      'Further parameters of every login at the issuer, `name=value` each, such as `audience=https://api.example.com`, ' +
        'which some issuers want for access tokens that are JWTs.'
    ),
    webClient: Type.Boolean({
      default: false,
      description: 'Whether the gateway has the pages of the demo client under `/app`.'
    }),
    ...sessionSettings,
    workers: Type.Integer({
      minimum: 1,
      maximum: 64,
      default: 1,
      description:
        'How many processes serve on the one port, under a supervisor; `--workers` says it at the start. Connections to ' +
        'the database and to services, bulkheads and limits are divided among them.'
    }),
    gatewayProcesses: Type.Integer({
      minimum: 1,
      default: 1,
      description:
        'How many gateways share the rate limits where each counts for itself: without Redis, and while it is away.'
    }),
    loginsPerMinute: limitSetting(
      30,
      'Login attempts per minute and source: an IPv4 address, or the /64 of an IPv6 address.',
      true
    )
  },
  { additionalProperties: false }
)

/** The gateway's settings, validated one by one. */
export type GatewaySettings = DeepReadonly<Static<typeof settingsSchema>>

/** Checks that a schema cannot express: one sentence per mistake, without secrets. */
export function settingsMistakes(settings: GatewaySettings): string[] {
  const hasTrail = settings.databaseUrl !== undefined
  const ofTrail = auditTrailMistakes(hasTrail ? settings : { ...settings, nodeEnv: undefined })
  const mistakes = [...ofTrail, ...leftWorkerFolders(settings)]
  const [wrongTrail] = settings.auditTrails.filter(text => parseUpstreamTrail(text) === null)
  if (wrongTrail !== undefined) {
    mistakes.push(`auditTrails: ${JSON.stringify(wrongTrail)} is not audience=https://origin/path`)
  }
  if (settings.edgeTls && settings.tlsCertificatePath === undefined) {
    mistakes.push('edgeTls: needs tlsCertificatePath, tlsPrivateKeyPath and tlsCaPath')
  }
  if (!settings.edgeTls && !isLoopback(settings.host)) {
    mistakes.push(`plain HTTP on ${settings.host}: set SALLYPORT_EDGE_TLS=true or SALLYPORT_HOST to a loopback address`)
  }
  mistakes.push(...furtherIssuersMistakes(settings), ...boundTokenMistakes(settings))
  const refused = refusedNames(settings.additionalRequestHeaders).map(name => JSON.stringify(name))
  if (refused.length > 0) {
    mistakes.push(`additionalRequestHeaders: ${refused.join(', ')} must not reach a service from outside`)
  }
  const hostMistakes = allowedHostMistakes(settings.allowedHosts)
  mistakes.push(...hostMistakes, ...(hostMistakes.length > 0 ? [] : publicOriginMistakes(settings)))
  if (settings.answerTimeoutMs < settings.upstreamTimeoutMs) {
    mistakes.push('answerTimeoutMs: shorter than upstreamTimeoutMs, which is a part of it')
  }
  if (settings.sealingKeys !== undefined) {
    mistakes.push(...readKeyRing(settings.sealingKeys, 'sealingKeys: sealing key').mistakes)
    if (!isClient(settings)) mistakes.push('sealingKeys: sessions need clientSecret or clientKey')
  }
  if (settings.loginScopes.length > 0) {
    if (!settings.loginScopes.includes('openid')) mistakes.push('loginScopes: openid is missing')
    if (settings.sealingKeys === undefined) mistakes.push('loginScopes: logins need sealingKeys')
  } else if (settings.loginParameters.length > 0) {
    mistakes.push('loginParameters: there is no login, set loginScopes')
  }
  const [wrongParameter] = settings.loginParameters.filter(text => !/^[\w.-]+=./.test(text))
  if (wrongParameter !== undefined) {
    mistakes.push(`loginParameters: ${JSON.stringify(wrongParameter)} is not name=value`)
  }
  if (settings.webClient && settings.sealingKeys === undefined) mistakes.push('webClient: its pages need sealingKeys')
  mistakes.push(...sessionSettingsMistakes(settings), ...workersMistakes(settings))
  return mistakes
}

function boundTokenMistakes({ boundTokens, resource, edgeTls }: GatewaySettings): string[] {
  const unknown = boundTokens.filter(kind => kind !== 'dpop' && kind !== 'certificate')
  return [
    ...unknown.map(kind => `boundTokens: ${JSON.stringify(kind)} is neither dpop nor certificate`),
    ...(boundTokens.includes('dpop') && resource === undefined
      ? ['boundTokens: dpop needs resource, the address that proofs are made for']
      : []),
    ...(boundTokens.includes('certificate') && !edgeTls
      ? ['boundTokens: certificate needs edgeTls, because nothing but the connection proves a certificate']
      : [])
  ]
}

/**
 * Refuses settings that do not fit together.
 * @throws {GatewaySettingsError} `SALLYPORT_GATEWAY_SETTINGS_INVALID`, with every mistake and no secret
 */
export function checkSettings(settings: GatewaySettings): void {
  const mistakes = settingsMistakes(settings)
  if (mistakes.length > 0) throw new GatewaySettingsError(mistakes.join('; '))
}
