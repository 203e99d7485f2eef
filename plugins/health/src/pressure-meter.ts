import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'

/** The load of a process over the last sample interval. */
export interface Pressure {
  /** Mean delay of the event loop in ms. */
  readonly eventLoopDelay: number
  /** Share of the interval in which the event loop was busy, 0 to 1. */
  readonly eventLoopUtilization: number
  readonly heapUsedBytes: number
  readonly rssBytes: number
}

/** Returns the last measurement. */
export interface PressureMeter {
  readonly read: () => Pressure
}

/**
 * Measures this process with `@fastify/under-pressure`, which takes one sample per interval. Without thresholds it only
 * measures. Above a threshold it would raise an error with a stack in the log for every shed request, and it treats a
 * sample without a measurement, as after a long boot, as an infinite delay.
 * @param sampleIntervalMs at least 10
 */
export async function openPressureMeter(fastify: FastifyInstance, sampleIntervalMs: number): Promise<PressureMeter> {
  const options = { eventLoopUtilizationMode: 'interval', sampleInterval: sampleIntervalMs } as const
  // An app that has registered it keeps its own: there is one meter per process.
  if (!fastify.hasDecorator('memoryUsage')) await fastify.register(underPressure, { ...options })
  return {
    read: () => {
      const { eventLoopDelay, eventLoopUtilized, heapUsed, rssBytes } = fastify.memoryUsage()
      return {
        eventLoopDelay: Number.isFinite(eventLoopDelay) ? eventLoopDelay : 0,
        eventLoopUtilization: eventLoopUtilized,
        heapUsedBytes: heapUsed,
        rssBytes
      }
    }
  }
}
