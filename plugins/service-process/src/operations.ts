import health, { type HealthOptions, type PressureMeter } from '@sallyport/health'
import { serverTls, type TlsMaterial } from '@sallyport/secure-transport'
import { isLoopback, type Schedule } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { ProcessSettings } from './settings.ts'

type OperationsSettings = Pick<
  ProcessSettings,
  'operationsHost' | 'operationsPort' | 'maxEventLoopDelayMs' | 'maxEventLoopUtilization'
>

/** Options of {@link operations}. */
export interface OperationsOptions {
  readonly settings: OperationsSettings
  /** For an operations listener that other machines reach; probes on this machine need no certificate. */
  readonly tls?: TlsMaterial | undefined
  /** What the process needs to serve requests, by name; each rejects when that is unavailable. */
  readonly checks: NonNullable<HealthOptions['checks']>
  /** What measures the load, and when. Default: this process, by timer. */
  readonly meter?: PressureMeter
  readonly schedule?: Schedule
}

/**
 * The operations listener with its probes, on a host of its own, and load shedding on the main one: `@sallyport/health`
 * with the settings of the process. Register it early, so that a shed request costs little.
 */
export const operations = fastifyPlugin(
  async function operations(fastify: FastifyInstance, options: OperationsOptions) {
    const { settings, tls, checks, meter, schedule } = options
    const { operationsHost: host, operationsPort: port, maxEventLoopDelayMs, maxEventLoopUtilization } = settings
    const thresholds = { maxEventLoopDelayMs, maxEventLoopUtilization }
    await fastify.register(health, {
      listener: { host, port, ...(tls !== undefined && !isLoopback(host) && { https: serverTls(tls) }) },
      checks,
      pressure: { ...thresholds, ...(meter && { meter }), ...(schedule && { schedule }) }
    })
  },
  { name: '@sallyport/operations', fastify: '5.x' }
)
