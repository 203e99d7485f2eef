import type { ServerOptions } from 'node:https'
import { isLoopback, type Schedule } from '@sallyport/security-context/mechanics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HealthOptionsError } from './errors.ts'
import type { PressureMeter } from './pressure-meter.ts'

/**
 * Decides what becomes of a request while a threshold is passed. Returns nothing to serve it all the same, or the
 * payload to answer with. `type` says which threshold, `value` what was measured.
 */
export type PressureHandler = (
  request: FastifyRequest,
  reply: FastifyReply,
  type: string,
  value: number | undefined
) => unknown

/** Thresholds above which requests of the main listener are shed; a threshold that is left out is not watched. */
export interface PressureOptions {
  readonly maxEventLoopDelayMs?: number
  /** Share of the last sample interval in which the event loop was busy, 0 to 1. */
  readonly maxEventLoopUtilization?: number
  readonly maxHeapUsedBytes?: number
  readonly maxRssBytes?: number
  /** How often load is measured. Default 1000 ms. */
  readonly sampleIntervalMs?: number
  /** `Retry-After` of a shed request. Default 10 s. */
  readonly retryAfterSeconds?: number
  /** What measures. Default: this process's event loop and memory. */
  readonly meter?: PressureMeter
  /** When it is measured; a test triggers it itself. Default: by timer. */
  readonly schedule?: Schedule
}

/** Options of the health plugin. */
export interface HealthOptions {
  /**
   * Where the operations listener listens; without it nothing does. Plain HTTP on a loopback address only. Port 0 takes
   * a free one.
   */
  readonly listener?: { readonly host: string; readonly port: number; readonly https?: ServerOptions }
  /**
   * What the service needs in order to serve; each rejects when it is not there. Run in parallel for each readiness
   * probe.
   */
  readonly checks?: Readonly<Record<string, () => Promise<void>>>
  /** How long one check may take. Default 2000 ms. */
  readonly checkTimeoutMs?: number
  /** Load shedding on the main listener. Default: none. */
  readonly pressure?: PressureOptions
}

/** Options with every default filled in. */
export interface ResolvedOptions {
  readonly listener: HealthOptions['listener'] | undefined
  readonly checks: Readonly<Record<string, () => Promise<void>>>
  readonly checkTimeoutMs: number
  readonly pressure: PressureOptions | undefined
}

/**
 * Fills in the defaults.
 * @throws {HealthOptionsError} `SALLYPORT_HEALTH_OPTIONS`, naming every mistake
 */
export function resolveOptions({
  listener,
  checks = {},
  checkTimeoutMs = 2000,
  pressure
}: HealthOptions): ResolvedOptions {
  const mistakes = [...listenerMistakes(listener), ...pressureMistakes(pressure)]
  if (!isPositiveInteger(checkTimeoutMs)) mistakes.push('checkTimeoutMs must be a positive whole number')
  for (const [name, check] of Object.entries(checks)) {
    if (typeof check !== 'function') mistakes.push(`checks.${name} must be a function`)
  }
  if (mistakes.length > 0) throw new HealthOptionsError(mistakes.join('; '))
  return Object.freeze({ listener, checks, checkTimeoutMs, pressure })
}

function listenerMistakes(listener: HealthOptions['listener']): string[] {
  if (listener === undefined) return []
  const mistakes: string[] = []
  if (!Number.isInteger(listener.port) || listener.port < 0 || listener.port > 65_535) {
    mistakes.push('listener.port must be a port number')
  }
  if (typeof listener.host !== 'string' || listener.host === '') mistakes.push('listener.host must be an address')
  else if (listener.https === undefined && !isLoopback(listener.host)) {
    mistakes.push(`listener.host ${listener.host} is not a loopback address and needs listener.https`)
  }
  return mistakes
}

/** A zero or a NaN would shed everything or nothing: neither can have been meant. */
function pressureMistakes(pressure: PressureOptions | undefined): string[] {
  if (pressure === undefined) return []
  const numbers = [
    'maxEventLoopDelayMs',
    'maxEventLoopUtilization',
    'maxHeapUsedBytes',
    'maxRssBytes',
    'sampleIntervalMs',
    'retryAfterSeconds'
  ] as const
  const mistakes: string[] = numbers
    .filter(name => pressure[name] !== undefined && !isPositive(pressure[name]))
    .map(name => `pressure.${name} must be a positive number`)
  if ((pressure.maxEventLoopUtilization ?? 1) > 1) {
    mistakes.push('pressure.maxEventLoopUtilization is a share, at most 1')
  }
  return mistakes
}

function isPositive(value: number): boolean {
  return Number.isFinite(value) && value > 0
}

function isPositiveInteger(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0
}
