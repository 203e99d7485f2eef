import type { DeepReadonly } from '@sallyport/configuration'
import { isLoopback } from '@sallyport/secure-transport'
import { type Static, Type } from 'typebox'
import { InvalidSettingsError } from './errors.ts'
import { refusedNames } from './hygiene/forwarded-headers.ts'

/** A list in one environment variable, separated by spaces. */
const list = (): ReturnType<typeof Type.Unsafe<string[]>> => Type.Unsafe<string[]>({ type: 'array', items: { type: 'string' }, separator: ' ', default: [] })
const secret = (minLength = 1) => Type.String({ minLength, secret: true, demoPrefix: 'demo-' })
const origin = () => Type.String({ format: 'secure-origin' })
const path = () => Type.String({ minLength: 1 })
const portNumber = () => Type.Integer({ minimum: 0, maximum: 65_535 })

/** Every setting of the gateway; `@sallyport/configuration` says how each is set. */
export const settingsSchema = Type.Object({
  nodeEnv: Type.String({ default: 'development' }),
  logLevel: Type.String({ default: 'info', pattern: '^(fatal|error|warn|info|debug|trace|silent)$' }),
  port: portNumber(),
  host: Type.String({ default: '127.0.0.1' }),
  operationsPort: portNumber(),
  /** How long the gateway is not ready and still serves, after the signal to end. Default: 5000. */
  drainDelayMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 300_000 })),
  databaseUrl: secret(),
  tlsCertificatePath: path(),
  tlsPrivateKeyPath: path(),
  tlsCaPath: path(),
  /** TLS at the edge; plain HTTP is for a loopback address only. */
  edgeTls: Type.Boolean({ default: false }),
  issuer: Type.String({ format: 'secure-url' }),
  clientId: Type.String({ minLength: 1, default: 'gateway' }),
  clientSecret: secret(32),
  /** Key ring of the session cookies, newest first: `id:base64url` separated by spaces, 32 bytes each. */
  sealingKeys: secret(32),
  /** `name=address` of peers that no DNS server knows. */
  peerAddresses: list(),
  orderServiceOrigin: origin(),
  restaurantServiceOrigin: origin(),
  deliveryServiceOrigin: origin(),
  authServerOrigin: origin(),
  /** Addresses or CIDR blocks of proxies whose forwarding headers are believed. */
  trustedProxies: list(),
  /** Request headers that reach the services beside the built-in ones. */
  additionalRequestHeaders: list(),
  maxBodyBytes: Type.Integer({ minimum: 1, default: 1_048_576 }),
  upstreamTimeoutMs: Type.Integer({ minimum: 1, default: 10_000 }),
  /** Login attempts per source address and minute. */
  loginsPerMinute: Type.Integer({ minimum: 1, default: 30 })
}, { additionalProperties: false })

/** The gateway's settings, validated one by one. */
export type GatewaySettings = DeepReadonly<Static<typeof settingsSchema>>

/** One key of the sealing key ring. */
export interface SealingKey { readonly id: string, readonly key: Buffer }

/**
 * Checks what a schema cannot.
 * @throws {InvalidSettingsError} `SALLYPORT_GATEWAY_SETTINGS_INVALID`, with every mistake and no secret
 */
export function checkSettings (settings: GatewaySettings): void {
  const mistakes: string[] = []
  if (!settings.edgeTls && !isLoopback(settings.host)) mistakes.push(`plain HTTP on ${settings.host}: set SALLYPORT_EDGE_TLS=true or SALLYPORT_HOST to a loopback address`)
  const refused = refusedNames(settings.additionalRequestHeaders)
  if (refused.length > 0) mistakes.push(`additionalRequestHeaders: ${refused.map(name => JSON.stringify(name)).join(', ')} must not reach a service from outside`)
  const unclear = settings.peerAddresses.filter(entry => !/^[^=]+=[^=]+$/.test(entry))
  if (unclear.length > 0) mistakes.push(`peerAddresses: ${unclear.join(', ')} is not name=address`)
  if (settings.trustedProxies.some(address => !/[.:]/.test(address))) mistakes.push('trustedProxies: only addresses and CIDR blocks can be trusted')
  if (sealingKeys(settings) === null) mistakes.push('sealingKeys: not a list of id:base64url with 32 bytes each')
  if (mistakes.length > 0) throw new InvalidSettingsError(mistakes.join('; '))
}

/** The sealing key ring, newest first; `null` when it cannot be read. */
export function sealingKeys ({ sealingKeys: text }: Pick<GatewaySettings, 'sealingKeys'>): SealingKey[] | null {
  const keys = text.trim().split(/\s+/).map(entry => {
    const [, id = '', encoded = ''] = /^([\w-]{1,32}):([\w-]{43})$/.exec(entry) ?? []
    return { id, key: Buffer.from(encoded, 'base64url') }
  })
  return keys.every(({ key }) => key.byteLength === 32) ? keys : null
}

/** `name=address` pairs as a table. */
export function addressesOf ({ peerAddresses }: Pick<GatewaySettings, 'peerAddresses'>): Record<string, string> {
  return Object.fromEntries(peerAddresses.map(entry => entry.split('=', 2)))
}
