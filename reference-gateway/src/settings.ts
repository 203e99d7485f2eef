import { parseNameKey } from '@sallyport/audit-log'
import type { DeepReadonly } from '@sallyport/configuration'
import { isLoopback, readKeyRing } from '@sallyport/security-context/mechanics'
import { allowedHostMistakes, processSettings } from '@sallyport/service-process'
import { type Static, Type } from 'typebox'
import { GatewaySettingsError } from './errors.ts'
import { refusedNames } from './hygiene/forwarded-headers.ts'
import { publicOriginMistakes } from './public-origins.ts'

/** A list in one environment variable, separated by spaces. */
const nameList = (): ReturnType<typeof Type.Unsafe<string[]>> =>
  Type.Unsafe<string[]>({ type: 'array', items: { type: 'string' }, separator: ' ', default: [] })
const secretSetting = (minLength = 1) => Type.String({ minLength, secret: true, demoPrefix: 'demo-' })
const serviceOrigin = () => Type.String({ format: 'secure-origin' })

/** Every setting of the gateway; `@sallyport/configuration` says how each is set. */
export const settingsSchema = Type.Object(
  {
    ...processSettings({ port: 8080, operationsPort: 8180 }),
    /** TLS at the edge; plain HTTP is for a loopback address only. */
    edgeTls: Type.Boolean({ default: false }),
    issuer: Type.String({ format: 'secure-url' }),
    clientId: Type.String({ minLength: 1, default: 'gateway' }),
    clientSecret: secretSetting(32),
    /** Key ring of the session cookies, newest first: `id:base64url` separated by spaces, 32 bytes each. */
    sealingKeys: secretSetting(32),
    /**
     * Key for hashes of names tried at logins: `id:base64url`, the same as the auth server's, so that both trails can
     * be joined.
     */
    auditNameKey: Type.Optional(secretSetting(32)),
    orderServiceOrigin: serviceOrigin(),
    restaurantServiceOrigin: serviceOrigin(),
    deliveryServiceOrigin: serviceOrigin(),
    authServerOrigin: serviceOrigin(),
    /**
     * How browsers reach the edge, `https://shop.example`, the canonical one first: cookies, HSTS, `Origin` checks and
     * what services are told follow from it. None: scheme and host of each request, for a listener that browsers
     * connect to themselves.
     */
    publicOrigins: nameList(),
    /**
     * Hosts that are served, `name` or `name:port`; none: those of `publicOrigins`, and without them loopback names and
     * `host`.
     */
    allowedHosts: nameList(),
    /** Request headers that reach the services beside the built-in ones. */
    additionalRequestHeaders: nameList(),
    maxBodyBytes: Type.Integer({ minimum: 1, default: 1_048_576 }),
    /** From the arrival of a request to the head of its answer, and between two parts of the answer's body. */
    upstreamTimeoutMs: Type.Integer({ minimum: 1, default: 10_000 }),
    /** From the arrival of a request to the end of its answer. */
    answerTimeoutMs: Type.Integer({ minimum: 1, default: 30_000 }),
    /** Between two parts of the answer on a route that is declared as a stream. */
    streamPauseMs: Type.Integer({ minimum: 1, default: 60_000 }),
    /** Login attempts per source address and minute. */
    loginsPerMinute: Type.Integer({ minimum: 1, default: 30 })
  },
  { additionalProperties: false }
)

/** The gateway's settings, validated one by one. */
export type GatewaySettings = DeepReadonly<Static<typeof settingsSchema>>

/** Checks that a schema cannot express: one sentence per mistake, without secrets. */
export function settingsMistakes(settings: GatewaySettings): string[] {
  const mistakes: string[] = []
  if ([settings.tlsCertificatePath, settings.tlsPrivateKeyPath, settings.tlsCaPath].includes(undefined)) {
    mistakes.push('tlsCertificatePath, tlsPrivateKeyPath and tlsCaPath are needed to reach the services')
  }
  if (!settings.edgeTls && !isLoopback(settings.host)) {
    mistakes.push(`plain HTTP on ${settings.host}: set SALLYPORT_EDGE_TLS=true or SALLYPORT_HOST to a loopback address`)
  }
  const refused = refusedNames(settings.additionalRequestHeaders).map(name => JSON.stringify(name))
  if (refused.length > 0) {
    mistakes.push(`additionalRequestHeaders: ${refused.join(', ')} must not reach a service from outside`)
  }
  const hostMistakes = allowedHostMistakes(settings.allowedHosts)
  mistakes.push(...hostMistakes, ...(hostMistakes.length > 0 ? [] : publicOriginMistakes(settings)))
  if (settings.answerTimeoutMs < settings.upstreamTimeoutMs) {
    mistakes.push('answerTimeoutMs: shorter than upstreamTimeoutMs, which is a part of it')
  }
  mistakes.push(...readKeyRing(settings.sealingKeys, 'sealingKeys: sealing key').mistakes)
  if (settings.auditNameKey !== undefined && parseNameKey(settings.auditNameKey) === null) {
    mistakes.push('auditNameKey: not id:base64url with 32 bytes')
  }
  return mistakes
}

/**
 * Refuses settings that do not fit together.
 * @throws {GatewaySettingsError} `SALLYPORT_GATEWAY_SETTINGS_INVALID`, with every mistake and no secret
 */
export function checkSettings(settings: GatewaySettings): void {
  const mistakes = settingsMistakes(settings)
  if (mistakes.length > 0) throw new GatewaySettingsError(mistakes.join('; '))
}
