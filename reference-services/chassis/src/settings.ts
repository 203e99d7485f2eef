import type { DeepReadonly } from '@sallyport/configuration'
import Type, { type Static, type TObject } from 'typebox'

/** Where a service listens when nothing else is said. */
export interface ServicePorts {
  readonly port: number
  readonly operationsPort: number
}

/**
 * The settings that every service has, to be spread into a service's own schema. Serialisable values only;
 * collaborators are handed to `buildApp`.
 */
export function serviceSettings ({ port, operationsPort }: ServicePorts) {
  const Port = (value: number) => Type.Integer({ minimum: 0, maximum: 65535, default: value })
  return {
    nodeEnv: Type.Optional(Type.String()),
    logLevel: Type.String({ default: 'info', pattern: '^(fatal|error|warn|info|debug|trace|silent)$' }),
    host: Type.String({ default: '127.0.0.1' }),
    port: Port(port),
    operationsPort: Port(operationsPort),
    /** How long the service is not ready and still serves, after the signal to end. Default: 5000. */
    drainDelayMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 300_000 })),
    issuer: Type.String({ format: 'secure-url' }),
    clientId: Type.String(),
    clientSecret: Type.String({ secret: true, minLength: 32, demoPrefix: 'demo-' }),
    databaseUrl: Type.String({ secret: true, pattern: '^postgres(ql)?://' }),
    databaseConnections: Type.Integer({ minimum: 2, maximum: 100, default: 8 }),
    statusListPollMs: Type.Integer({ minimum: 100, maximum: 60_000, default: 1000 }),
    upstreamTimeoutMs: Type.Integer({ minimum: 100, maximum: 60_000, default: 5000 }),
    tlsCertificatePath: Type.Optional(Type.String()),
    tlsPrivateKeyPath: Type.Optional(Type.String()),
    tlsCaPath: Type.Optional(Type.String()),
    /** `name=ip`: peers that no name server knows. */
    peerAddresses: Type.Array(Type.String({ pattern: '^[a-z0-9.-]+=[0-9a-f.:]+$' }), { separator: ' ', default: [] })
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
