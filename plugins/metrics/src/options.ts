import { objectWith, optionsObject, readOptions, Type, type ReadOptions } from '@sallyport/security-context/options'
import type { FastifyInstance } from 'fastify'
import { InvalidOptionsError } from './errors.ts'

/** Options of the metrics plugin. */
export interface MetricsOptions {
  /**
   * Where `GET /metrics` is answered, without authentication: an instance that is not open to the public and has not
   * started. Left out: nowhere.
   * @example app.operations
   */
  readonly exposeOn?: FastifyInstance
  /**
   * Value of a label `process` on every series. Left out: no such label.
   * @example 'order-service'
   */
  readonly process?: string
  /**
   * Whether CPU, memory, event loop and garbage collection of the process are measured; once per process is enough.
   * @default true
   */
  readonly processMetrics?: boolean
}

export const metricsOptions = optionsObject({
  exposeOn: Type.Optional(objectWith<FastifyInstance>('a Fastify instance', ['get'])),
  process: Type.Optional(Type.String({ minLength: 1 })),
  processMetrics: Type.Boolean({ default: true })
})

/** @throws {InvalidOptionsError} `SALLYPORT_METRICS_OPTIONS_INVALID`, naming every mistake */
export function readMetricsOptions(given: MetricsOptions): ReadOptions<typeof metricsOptions> {
  return readOptions({ schema: metricsOptions, error: InvalidOptionsError }, given)
}
