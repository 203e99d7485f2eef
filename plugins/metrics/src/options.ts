import type { FastifyInstance } from 'fastify'

/** Options of the metrics plugin. */
export interface MetricsOptions {
  /**
   * Where `GET /metrics` is answered: an instance that is not open to the public and has not started. Left out:
   * nowhere.
   */
  readonly exposeOn?: FastifyInstance
  /** Value of a label `process` on every series; left out, there is none. */
  readonly process?: string
  /**
   * Whether CPU, memory, event loop and garbage collection of the process are measured; default `true`. Once per
   * process is enough.
   */
  readonly processMetrics?: boolean
}
