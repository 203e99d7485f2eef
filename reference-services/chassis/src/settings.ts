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
