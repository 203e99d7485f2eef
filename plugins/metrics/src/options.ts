import {
  functionOption,
  objectWith,
  optionsObject,
  readOptions,
  Type,
  type ReadOptions
} from '@sallyport/security-context/options'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { MetricsOptionsError } from './errors.ts'

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
  /** The tolerance that tokens are verified with, in seconds, to be shown. Left out: no such metric. */
  readonly clockToleranceSeconds?: number
  /**
   * The trace that an operator can look a slow request up in; `null` for one that nobody recorded. Durations then carry
   * it as an exemplar, for scrapers that ask for OpenMetrics. Left out: no exemplars, and no request pays for them.
   */
  readonly exemplarTraceId?: (request: FastifyRequest) => string | null
  /**
   * How long reading one measurement may take, in ms; after that its series is missing from the scrape.
   * @default 1000
   */
  readonly measurementTimeoutMs?: number
}

export const metricsOptions = optionsObject({
  exposeOn: Type.Optional(objectWith<FastifyInstance>('a Fastify instance', ['get'])),
  process: Type.Optional(Type.String({ minLength: 1 })),
  processMetrics: Type.Boolean({ default: true }),
  clockToleranceSeconds: Type.Optional(Type.Number({ minimum: 0 })),
  exemplarTraceId: Type.Optional(functionOption<NonNullable<MetricsOptions['exemplarTraceId']>>()),
  measurementTimeoutMs: Type.Integer({ minimum: 1, default: 1000 })
})

/** @throws {MetricsOptionsError} `SALLYPORT_METRICS_OPTIONS_INVALID`, naming every mistake */
export function readMetricsOptions(given: MetricsOptions): ReadOptions<typeof metricsOptions> {
  return readOptions({ schema: metricsOptions, error: MetricsOptionsError }, given)
}
