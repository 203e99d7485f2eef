import { createPrivateKey } from 'node:crypto'
import { isLoopback } from '@sallyport/security-context/mechanics'
import { type Static, type TObject, Type } from 'typebox'

const sessionBound = (value: number, description: string) => Type.Integer({ minimum: 1, default: value, description })

/** Settings of sessions and of the client that logs people in. None is pulled: they decide who is let in. */
export const sessionSettings = {
  clientKey: Type.Optional(
    Type.String({
      secret: true,
      pattern: '^-----BEGIN PRIVATE KEY-----',
      description:
        'Private key of the client, PEM in PKCS #8: it proves itself by `private_key_jwt` in place of `clientSecret`, with ' +
        'ES256, EdDSA or RS256 as the key is. Opaque tokens are not accepted then.'
    })
  ),
  clientKeyId: Type.Optional(
    Type.String({ minLength: 1, description: '`kid` of that key at the issuer. Left out: its RFC 7638 thumbprint.' })
  ),
  sessionStore: Type.String({
    default: 'cookies',
    pattern: '^(cookies|postgres|redis)$',
    description:
      'Where sessions are kept: sealed in the `cookies`, in `postgres` (the database of `databaseUrl`) or in `redis`.'
  }),
  redisUrl: Type.Optional(
    Type.String({
      secret: true,
      pattern: '^rediss?://',
      description:
        'The Redis of the sessions and of the rate limits, `rediss://user:password@host:6379`; without TLS on loopback ' +
        'only. Left out: each gateway counts its share of the limits.'
    })
  ),
  sessionIdleSeconds: sessionBound(14_400, 'A session in a store ends when it was not used for this long, in seconds.'),
  sessionAbsoluteSeconds: sessionBound(86_400, 'A session in a store ends this long after its login, in seconds.'),
  refreshLeaseMs: sessionBound(
    60_000,
    'How long one gateway has the refresh of a session in a store to itself, in ms; 10000 is enough at an authorization ' +
      'server that repeats its answer to a used refresh token.'
  ),
  refreshesPerSecond: Type.Optional(
    Type.Integer({
      minimum: 1,
      description:
        'Refreshes that this gateway asks the issuer for in a second, at most; one that would wait for more than two ' +
        'seconds is 429. Left out: no bound.'
    })
  ),
  loginDpop: Type.Boolean({
    default: false,
    description:
      'Binds the access tokens of each session that begins at the issuer to a key of its own (DPoP, RFC 9449); the ' +
      'issuer has to take proofs by ES256.'
  }),
  backchannelLogout: Type.Boolean({
    default: false,
    description: 'Takes notices of logouts from the issuer at `POST /logout/backchannel`; needs a store of sessions.'
  })
} as const

/** What the checks look at. */
export interface CheckedSessionSettings extends Static<TObject<typeof sessionSettings>> {
  readonly clientSecret?: string | undefined
  readonly databaseUrl?: string | undefined
  readonly sealingKeys?: string | undefined
  readonly loginScopes: readonly string[]
}

/** Whether the gateway is a client of the authorization server: it has a secret or a key. */
export function isClient({
  clientSecret,
  clientKey
}: Pick<CheckedSessionSettings, 'clientSecret' | 'clientKey'>): boolean {
  return clientSecret !== undefined || clientKey !== undefined
}

/** Checks that a schema cannot express: one sentence per mistake, without secrets. */
export function sessionSettingsMistakes(settings: CheckedSessionSettings): string[] {
  const mistakes: string[] = []
  const { sessionStore, sealingKeys, loginScopes } = settings
  if (settings.clientKey !== undefined) {
    if (settings.clientSecret !== undefined) mistakes.push('clientKey: not beside clientSecret')
    mistakes.push(...privateKeyMistakes(settings.clientKey))
  }
  if (settings.clientKeyId !== undefined && settings.clientKey === undefined) {
    mistakes.push('clientKeyId: there is no clientKey')
  }
  if (sessionStore !== 'cookies' && sealingKeys === undefined) {
    mistakes.push('sessionStore: sessions need sealingKeys, which seal what is in the store too')
  }
  if (sessionStore === 'postgres' && settings.databaseUrl === undefined) {
    mistakes.push('sessionStore: postgres needs databaseUrl')
  }
  if (sessionStore === 'redis' && settings.redisUrl === undefined) {
    mistakes.push('sessionStore: redis needs redisUrl')
  }
  if (settings.redisUrl !== undefined && !isSafeRedis(settings.redisUrl)) {
    mistakes.push('redisUrl: redis:// is for a loopback address only; elsewhere it has to be rediss://')
  }
  if (settings.sessionIdleSeconds > settings.sessionAbsoluteSeconds) {
    mistakes.push('sessionIdleSeconds: longer than sessionAbsoluteSeconds')
  }
  if (settings.loginDpop && loginScopes.length === 0) mistakes.push('loginDpop: there is no login, set loginScopes')
  if (settings.backchannelLogout && (sessionStore === 'cookies' || loginScopes.length === 0)) {
    mistakes.push('backchannelLogout: needs loginScopes and a sessionStore other than cookies')
  }
  return mistakes
}

function privateKeyMistakes(pem: string): string[] {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(pem)
    const signs = type === 'ed25519' || type === 'rsa' || (type === 'ec' && details?.namedCurve === 'prime256v1')
    return signs ? [] : ['clientKey: neither a P-256, an Ed25519 nor an RSA key']
  } catch {
    return ['clientKey: not a private key in PEM']
  }
}

function isSafeRedis(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && (url.protocol === 'rediss:' || isLoopback(url.hostname))
}
