import type { DeepReadonly } from '@sallyport/configuration'
import { processSettings, type ProcessPorts } from '@sallyport/service-process'
import Type, { type Static, type TObject } from 'typebox'

/**
 * The settings that every service has, to be spread into a service's own schema: those of every process, the issuer and
 * this service as its client. Serialisable values only; collaborators are handed to `buildApp`.
 */
export function serviceSettings (ports: ProcessPorts) {
  return {
    ...processSettings(ports),
    issuer: Type.String({ format: 'secure-url' }),
    clientId: Type.String(),
    clientSecret: Type.String({ secret: true, minLength: 32, demoPrefix: 'demo-' }),
    statusListPollMs: Type.Integer({ minimum: 100, maximum: 60_000, default: 1000 }),
    upstreamTimeoutMs: Type.Integer({ minimum: 100, maximum: 60_000, default: 5000 })
  }
}

/** The settings of every service as values. */
export type ServiceSettings = DeepReadonly<Static<TObject<ReturnType<typeof serviceSettings>>>>

/**
 * The settings of a service that finishes by itself what was begun, to be spread into its schema: how old unfinished work
 * is when recovery takes it up, how often it looks, and from which age on an order is undone and not finished.
 */
export const recoverySettings = {
  recoveryAgeMs: Type.Integer({ minimum: 0, maximum: 3_600_000, default: 10_000 }),
  recoveryIntervalMs: Type.Integer({ minimum: 100, maximum: 3_600_000, default: 1000 })
}

/** The settings of recovery as values. */
export type RecoverySettings = DeepReadonly<Static<TObject<typeof recoverySettings>>>

/** The age from which on work counts as left behind, in ms: never while the request that began it may still be at it. */
export function recoveryAge ({ recoveryAgeMs, upstreamTimeoutMs }: RecoverySettings & Pick<ServiceSettings, 'upstreamTimeoutMs'>): number {
  return Math.max(recoveryAgeMs, 2 * upstreamTimeoutMs)
}
