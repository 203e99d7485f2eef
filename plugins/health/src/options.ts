import type { ServerOptions } from 'node:https'
import { isLoopback, scheduleByTimer, type Schedule } from '@sallyport/security-context/mechanics'
import {
  customOption,
  functionOption,
  objectWith,
  optionsObject,
  readOptions,
  Type,
  type ReadOptions
} from '@sallyport/security-context/options'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HealthOptionsError } from './errors.ts'
import type { PressureMeter } from './pressure-meter.ts'

/**
 * Decides about a request above a threshold. Returns nothing to serve it anyway, or the payload of the answer. `type`
 * is the threshold, `value` what was measured.
 */
export type PressureHandler = (
  request: FastifyRequest,
  reply: FastifyReply,
  type: string,
  value: number | undefined
) => unknown

/** Thresholds above which requests of the main listener are shed; a threshold that is left out is not checked. */
export interface PressureThresholds {
  /** Mean delay of the event loop, in ms. */
  readonly maxEventLoopDelayMs?: number
  /** Share of the last sample interval in which the event loop was busy, up to 1. */
  readonly maxEventLoopUtilization?: number
  /** Used heap, in bytes. */
  readonly maxHeapUsedBytes?: number
  /** Resident set size, in bytes. */
  readonly maxRssBytes?: number
}

/** What load is, and when requests are shed. */
export interface PressureOptions extends PressureThresholds {
  /** Thresholds of now, asked for with each measurement, in place of those beside it. Left out: they do not change. */
  readonly thresholds?: () => PressureThresholds
  /**
   * How often load is measured, in ms.
   * @default 1000
   */
  readonly sampleIntervalMs?: number
  /**
   * `Retry-After` of a shed request, in seconds.
   * @default 10
   */
  readonly retryAfterSeconds?: number
  /** The meter. Left out: event loop and memory of this process. */
  readonly meter?: PressureMeter
  /**
   * When load is measured; a test triggers it itself.
   * @default scheduleByTimer
   */
  readonly schedule?: Schedule
}

/** Where the operations listener listens. */
export interface OperationsListener {
  /** Address or host name; without `https` a loopback one. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** TLS: options of `node:https`. Left out: plain HTTP. */
  readonly https?: ServerOptions
}

/** Options of the health plugin. */
export interface HealthOptions {
  /**
   * Where the operations listener listens; left out, there is none. Plain HTTP only on a loopback address.
   * @example { host: '127.0.0.1', port: 8180 }
   */
  readonly listener?: OperationsListener
  /**
   * What the service needs to serve requests, by name; each rejects when that is unavailable. They run in parallel for
   * each readiness probe.
   * @default {}
   * @example { database: async () => { await db.raw('select 1') } }
   */
  readonly checks?: Readonly<Record<string, () => Promise<void>>>
  /**
   * How long one check may take, in ms; after that the run is abandoned, and the next probe starts another.
   * @default 2000
   */
  readonly checkTimeoutMs?: number
  /** Load shedding on the main listener. Left out: none. */
  readonly pressure?: PressureOptions
}

/** A zero or a NaN would shed everything or nothing, and nobody means that. */
const threshold = (maximum?: number) =>
  Type.Optional(Type.Number({ exclusiveMinimum: 0, ...(maximum === undefined ? {} : { maximum }) }))

export const pressureOptions = optionsObject({
  maxEventLoopDelayMs: threshold(),
  maxEventLoopUtilization: threshold(1),
  maxHeapUsedBytes: threshold(),
  maxRssBytes: threshold(),
  thresholds: Type.Optional(functionOption<() => PressureThresholds>()),
  sampleIntervalMs: Type.Integer({ minimum: 10, default: 1000 }),
  retryAfterSeconds: Type.Integer({ minimum: 1, default: 10 }),
  meter: Type.Optional(objectWith<PressureMeter>('a pressure meter', ['read'])),
  schedule: functionOption<Schedule>({ default: scheduleByTimer, defaultText: 'scheduleByTimer' })
})

export const operationsListener = optionsObject({
  host: Type.String({ minLength: 1 }),
  port: Type.Integer({ minimum: 0, maximum: 65_535 }),
  https: Type.Optional(
    customOption<ServerOptions>('options of node:https', value => typeof value === 'object' && value !== null)
  )
})

export const healthOptions = optionsObject({
  listener: Type.Optional(operationsListener),
  checks: Type.Record(Type.String(), functionOption<() => Promise<void>>(), { default: {} }),
  checkTimeoutMs: Type.Integer({ minimum: 1, default: 2000 }),
  pressure: Type.Optional(pressureOptions)
})

/** Options with every default filled in. */
export type ReadHealthOptions = ReadOptions<typeof healthOptions>
/** Thresholds with every default filled in. */
export type ReadPressureOptions = ReadOptions<typeof pressureOptions>

/** @throws {HealthOptionsError} `SALLYPORT_HEALTH_OPTIONS_INVALID`, naming every mistake */
export function readHealthOptions(given: HealthOptions): ReadHealthOptions {
  return readOptions(
    {
      schema: healthOptions,
      error: HealthOptionsError,
      rules: [
        {
          of: ['listener.host', 'listener.https'],
          mistakes: ({ listener }) =>
            listener === undefined || listener.https !== undefined || isLoopback(listener.host)
              ? []
              : [`listener.host ${listener.host} is not a loopback address and needs listener.https`]
        }
      ]
    },
    given
  )
}
