import { auditTrailMistakes, auditTrailSettings } from '@sallyport/audit-log'
import type { DeepReadonly } from '@sallyport/configuration'
import { isLoopback, readKeyRing } from '@sallyport/security-context/mechanics'
import { allowedHostMistakes, processSettings } from '@sallyport/service-process'
import Type, { type Static } from 'typebox'
import { readPepperRing } from './accounts/passwords/pepper-ring.ts'
import { DEFAULT_PASSWORD_POLICY } from './accounts/passwords/password-policy.ts'

const secondsSetting = (value: number, description: string) => Type.Integer({ minimum: 1, default: value, description })

/** The settings of the authorization server: serialisable values only; collaborators are handed to `buildApp`. */
export const settingsSchema = Type.Object(
  {
    ...processSettings({ port: 8081, operationsPort: 8181 }),
    mtlsPort: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 65535, description: 'Listener that takes client certificates.' })
    ),
    mtlsOrigin: Type.Optional(
      Type.String({
        format: 'secure-url',
        description: 'Where clients reach that listener. Default: the host of the issuer with mtlsPort.'
      })
    ),
    mtlsClientCaPath: Type.Optional(
      Type.String({ description: 'Authorities that vouch for client certificates (PEM). Default: those of tlsCaPath.' })
    ),
    backchannelLogoutCaPath: Type.Optional(
      Type.String({
        description:
          'Authorities that vouch for the servers at which clients take logout tokens (PEM). Default: those of ' +
          'tlsCaPath.'
      })
    ),
    dpopNonceRequired: Type.Boolean({
      default: true,
      description: 'Whether a DPoP proof for the token endpoint needs a nonce of this server.'
    }),
    issuer: Type.String({
      format: 'secure-url',
      pattern: '[^/]$',
      description: 'Issuer, without a slash at the end; a path mounts everything under it.'
    }),
    allowedHosts: Type.Array(Type.String(), {
      separator: ' ',
      default: [],
      description:
        'Hosts that are served beside those of issuer and mtlsOrigin, `name` or `name:port`: names by which services ' +
        'reach this server.'
    }),
    sealingKeys: Type.String({
      secret: true,
      live: true,
      minLength: 32,
      demoPrefix: 'demo-',
      description:
        'Key ring that seals signing keys at rest, newest first: `id:base64url of 32 bytes`, separated by spaces.'
    }),
    passwordPeppers: Type.Optional(
      Type.String({
        secret: true,
        live: true,
        demoPrefix: 'demo-',
        minLength: 4,
        description:
          'Keys of password hashes that are not in the database, newest first: `id:secret` of 32 characters or more, ' +
          'separated by spaces. `none` in the first place: new hashes have none.'
      })
    ),
    passwordPepper: Type.Optional(
      Type.String({
        secret: true,
        live: true,
        minLength: 32,
        description: 'The one key from before they had ids; see passwordPeppers.'
      })
    ),
    auditNameKey: Type.Optional(
      Type.String({
        secret: true,
        minLength: 32,
        demoPrefix: 'demo-',
        description:
          'Key under which names tried at logins stand in the trail: `id:base64url` of 32 bytes, that of the gateway.'
      })
    ),
    ...auditTrailSettings(),
    accessTokenLifetimeSeconds: Type.Integer({
      minimum: 10,
      maximum: 900,
      default: 300,
      description: 'Lifetime of an access token.'
    }),
    loginIdleSeconds: secondsSetting(7200, 'A login session that is not used ends after this time.'),
    loginAbsoluteSeconds: secondsSetting(604_800, 'A login session ends after this time, used or not.'),
    apiIdleSeconds: secondsSetting(900, 'A session of Basic credentials that is not used ends after this time.'),
    apiAbsoluteSeconds: secondsSetting(43_200, 'A session of Basic credentials ends after this time, used or not.'),
    refreshGraceMs: Type.Integer({
      minimum: 0,
      maximum: 60_000,
      default: 10_000,
      description: 'How long a refresh token may be presented again after its successor was used.'
    }),
    housekeepingIntervalSeconds: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 60,
      description: 'Expired rows are removed this often.'
    }),
    jwksMaxAgeSeconds: Type.Integer({
      minimum: 1,
      default: 300,
      description: 'How long verifiers may keep the key set; a new key signs no earlier than this.'
    }),
    statusListSize: Type.Integer({
      minimum: 8,
      maximum: 1_048_576,
      default: 65_536,
      description: 'Positions in a new status list.'
    }),
    statusListTtlSeconds: secondsSetting(1, 'How often verifiers ask for a status list.'),
    statusListLifetimeSeconds: secondsSetting(
      600,
      'Age at which verifiers refuse a status list that no newer one has replaced.'
    ),
    passwordConcurrency: Type.Integer({ minimum: 1, default: 2, description: 'Password hashes that run at a time.' }),
    passwordMinLength: Type.Integer({
      minimum: 8,
      maximum: 64,
      default: DEFAULT_PASSWORD_POLICY.minLength,
      description: 'Characters that a new password has at least.'
    }),
    passwordQueueLength: Type.Integer({
      minimum: 0,
      default: 64,
      description: 'Password hashes that may wait; past it the answer is 503.'
    })
  },
  { additionalProperties: false }
)

/** Checks of the process that a schema cannot express: one sentence per mistake, without secrets. */
export function issuerSettingsMistakes(settings: AuthServerSettings): string[] {
  const { issuer, tlsCertificatePath, trustedProxies, allowedHosts } = settings
  const mistakes = [...allowedHostMistakes(allowedHosts), ...auditTrailMistakes(settings)]
  mistakes.push(...readKeyRing(settings.sealingKeys, 'sealingKeys: sealing key').mistakes)
  mistakes.push(...readPepperRing(settings).mistakes.map(mistake => `passwordPeppers: ${mistake}`))
  const isPublic = issuer.startsWith('https:') && !isLoopback(new URL(issuer).hostname)
  if (isPublic && tlsCertificatePath === undefined && trustedProxies.length === 0) {
    mistakes.push('trustedProxies: an https: issuer and a plain listener need a proxy that ends TLS; name its address')
  }
  return mistakes
}

/** The settings as values. */
export type AuthServerSettings = DeepReadonly<Static<typeof settingsSchema>>
