import { auditTrailMistakes, auditTrailSettings } from '@sallyport/audit-log'
import { furtherIssuersSettings } from '@sallyport/authentication'
import type { DeepReadonly } from '@sallyport/configuration'
import { processSettings, type ProcessPorts } from '@sallyport/service-process'
import Type, { type Static, type TObject } from 'typebox'

/** May come from a configuration server, and change while the service runs. */
const LIVE_SERVICE_LIMIT = { live: true, pulled: true }

/**
 * The settings that every service has, to be spread into a service's own schema: those of every process, the issuer and
 * this service as its client. Serialisable values only; `buildApp` takes collaborators apart from them.
 * @param callers OAuth clients that act here in a user's name, beside the gateway
 */
export function serviceSettings(ports: ProcessPorts, callers: readonly string[] = []) {
  return {
    ...processSettings(ports),
    ...auditTrailSettings(),
    trustedProxies: Type.Array(Type.String(), {
      separator: ' ',
      default: ['127.0.0.0/8', '::1/128'],
      description: 'Addresses or CIDR blocks of callers that may say where the end user is.'
    }),
    forwardingCallers: Type.Array(Type.String({ minLength: 1 }), {
      separator: ' ',
      default: ['gateway', ...callers],
      description: "OAuth clients that are believed about the end user's address when a token says that they act."
    }),
    issuer: Type.String({
      format: 'secure-url',
      description: 'The authorization server; until it is found the service is not ready and answers 503.'
    }),
    clientId: Type.String({ description: 'The OAuth client that this service is, for token exchange.' }),
    clientSecret: Type.String({
      secret: true,
      live: true,
      minLength: 32,
      demoPrefix: 'demo-',
      description: 'The secret of that client.'
    }),
    ...furtherIssuersSettings(),
    resource: Type.Optional(
      Type.String({
        format: 'secure-url',
        description:
          'The address under which clients know this service as a protected resource (RFC 9728). Left out: it says ' +
          'nothing of itself.'
      })
    ),
    boundTokens: Type.Array(Type.Union([Type.Literal('dpop'), Type.Literal('certificate')]), {
      separator: ' ',
      default: [],
      description:
        'Tokens that are accepted beside bearer tokens: `dpop`, which needs `SALLYPORT_RESOURCE`, and `certificate`, ' +
        'bound to a client certificate.'
    }),
    statusListPollMs: Type.Integer({
      minimum: 100,
      maximum: 60_000,
      default: 1000,
      // Pushed only: how soon a revocation is seen is no limit for somebody else to set.
      live: true,
      description: 'How often status lists are asked for: how soon a revocation is seen.'
    }),
    upstreamTimeoutMs: Type.Integer({
      minimum: 100,
      maximum: 60_000,
      default: 5000,
      ...LIVE_SERVICE_LIMIT,
      description: 'Longest call of another service.'
    })
  }
}

/** The settings of every service as values. */
export type ServiceSettings = DeepReadonly<Static<TObject<ReturnType<typeof serviceSettings>>>>

/** Checks of these settings that a schema cannot express: one sentence per mistake, without secrets. */
export function serviceSettingsMistakes(settings: ServiceSettings): string[] {
  return auditTrailMistakes(settings)
}

/**
 * The settings of a service with recovery, to be spread into its schema: from which age recovery takes up unfinished
 * work, and how often it looks for it.
 */
export const recoverySettings = {
  recoveryAgeMs: Type.Integer({
    minimum: 0,
    maximum: 3_600_000,
    default: 10_000,
    ...LIVE_SERVICE_LIMIT,
    description: 'The age from which unfinished work is taken up, at least twice the longest call of another service.'
  }),
  recoveryIntervalMs: Type.Integer({
    minimum: 100,
    maximum: 3_600_000,
    default: 1000,
    ...LIVE_SERVICE_LIMIT,
    description: 'Time between two looks for unfinished work.'
  })
}

/** The settings of recovery as values. */
export type RecoverySettings = DeepReadonly<Static<TObject<typeof recoverySettings>>>

/** The age from which work counts as unfinished, in ms: never while the request that began it may still be working. */
export function recoveryAge({
  recoveryAgeMs,
  upstreamTimeoutMs
}: RecoverySettings & Pick<ServiceSettings, 'upstreamTimeoutMs'>): number {
  return Math.max(recoveryAgeMs, 2 * upstreamTimeoutMs)
}
