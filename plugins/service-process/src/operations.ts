import health, { type HealthOptions, type PressureMeter } from '@sallyport/health'
import { serverTls, type TlsMaterial } from '@sallyport/secure-transport'
import { isLoopback, type Schedule } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { buildFacts } from './build-facts.ts'
import type { ExceptionLog, ExceptionSink } from './exceptions/exception-log.ts'
import { trackExceptions } from './exceptions/track-exceptions.ts'
import { createLogLevels, type LogLevels } from './operator/log-levels.ts'
import type { ProcessSettings } from './settings.ts'
import { isSupervised } from './workers/worker-link.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The level of the log, which can change while the process runs. */
    logLevels: LogLevels
    /** What requests failed with and what ended the process, by kind. */
    exceptions: ExceptionLog
  }
}

type OperationsSettings = Pick<
  ProcessSettings,
  'operationsHost' | 'operationsPort' | 'maxEventLoopDelayMs' | 'maxEventLoopUtilization'
> &
  Partial<Pick<ProcessSettings, 'commit'>>

type LoadLimits = Pick<ProcessSettings, 'maxEventLoopDelayMs' | 'maxEventLoopUtilization'>

/** Options of {@link operations}. */
export interface OperationsOptions {
  readonly settings: OperationsSettings
  /** The limits of now, where they may change. Default: those of the settings. */
  readonly live?: { readonly current: LoadLimits } | undefined
  /** For an operations listener that other machines reach; probes on this machine need no certificate. */
  readonly tls?: TlsMaterial | undefined
  /** What the process needs to serve requests, by name; each rejects when that is unavailable. */
  readonly checks: NonNullable<HealthOptions['checks']>
  /** What measures the load, and when. Default: this process, by timer. */
  readonly meter?: PressureMeter
  readonly schedule?: Schedule
  /** Where exceptions are reported, beside the log. Default: nowhere. */
  readonly exceptionSinks?: readonly ExceptionSink[]
}

/**
 * The operations listener with its probes, on a host of its own, and load shedding on the main one: `@sallyport/health`
 * with the settings of the process; and what operators change and look at: the level of the log, and exceptions.
 * Register it early, so that a shed request costs little and every route is watched.
 */
export const operations = fastifyPlugin(
  async function operations(fastify: FastifyInstance, options: OperationsOptions) {
    const { settings, live, tls, checks, meter, schedule, exceptionSinks: sinks = [] } = options
    const { operationsHost: host, operationsPort: port } = settings
    const thresholds = (): LoadLimits => {
      const { maxEventLoopDelayMs, maxEventLoopUtilization } = live?.current ?? settings
      return { maxEventLoopDelayMs, maxEventLoopUtilization }
    }
    const logLevels = createLogLevels({ log: fastify.log })
    fastify.decorate('logLevels', logLevels)
    fastify.addHook('onClose', async function keepLogLevel() {
      logLevels.stop()
    })
    const { version, commit } = buildFacts(settings.commit)
    const release = commit === null ? version : `${version}+${commit}`
    fastify.decorate('exceptions', trackExceptions(fastify, { release, sinks }))
    await fastify.register(health, {
      // Several workers have one listener, that of their supervisor, which asks each of them.
      ...(!isSupervised() && {
        listener: { host, port, ...(tls !== undefined && !isLoopback(host) && { https: serverTls(tls) }) }
      }),
      checks,
      pressure: { thresholds, ...(meter && { meter }), ...(schedule && { schedule }) }
    })
  },
  { name: '@sallyport/operations', fastify: '5.x' }
)
