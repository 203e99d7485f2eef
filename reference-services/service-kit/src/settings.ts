import type { DeepReadonly } from '@sallyport/configuration'
import { processSettings, type ProcessPorts } from '@sallyport/service-process'
import Type, { type Static, type TObject } from 'typebox'

/**
 * The settings that every service has, to be spread into a service's own schema: those of every process, the issuer and
 * this service as its client. Serialisable values only; `buildApp` takes collaborators apart from them.
 * @param callers OAuth clients that act here in a user's name, beside the gateway
 */
export function serviceSettings(ports: ProcessPorts, callers: readonly string[] = []) {
  return {
    ...processSettings(ports),
    /** Where callers connect from that may say where the end user is. */
    trustedProxies: Type.Array(Type.String(), { separator: ' ', default: ['127.0.0.0/8', '::1/128'] }),
    /** OAuth clients that are believed about it, when a token says that they act. */
    forwardingCallers: Type.Array(Type.String({ minLength: 1 }), { separator: ' ', default: ['gateway', ...callers] }),
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
 * The settings of a service with recovery, to be spread into its schema: from which age recovery takes up unfinished
 * work, and how often it looks for it.
 */
export const recoverySettings = {
  recoveryAgeMs: Type.Integer({ minimum: 0, maximum: 3_600_000, default: 10_000 }),
  recoveryIntervalMs: Type.Integer({ minimum: 100, maximum: 3_600_000, default: 1000 })
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
