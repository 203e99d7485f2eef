import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'

/** What a process is loaded with, over the last sample interval. */
export interface Pressure {
  /** Mean delay of the event loop in ms. */
  readonly eventLoopDelay: number
  /** Share of the interval in which the event loop was busy, 0 to 1. */
  readonly eventLoopUtilization: number
  readonly heapUsedBytes: number
  readonly rssBytes: number
}

/** Tells what was measured last. */
export interface PressureMeter {
  readonly read: () => Pressure
}

/**
 * Measures this process with `@fastify/under-pressure`, which takes a sample an interval. It is given no thresholds, so
 * it only measures: what it does above one is an error with a stack in the log for every request that is shed, and it
 * takes a sample without a measurement, as there is after a long boot, for an endless delay.
 * @param sampleIntervalMs at least 10
 */
export async function openPressureMeter(fastify: FastifyInstance, sampleIntervalMs: number): Promise<PressureMeter> {
  const options = { eventLoopUtilizationMode: 'interval', sampleInterval: sampleIntervalMs } as const
  // An app that registered it for itself keeps its own: there is one meter a process.
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
