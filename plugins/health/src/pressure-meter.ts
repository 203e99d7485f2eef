import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** What a process is loaded with, over the last sample interval. */
export interface Pressure {
  /** Mean delay of the event loop in ms. */
  readonly eventLoopDelay: number
  /** Share of the interval in which the event loop was busy, 0 to 1. */
  readonly eventLoopUtilization: number
  readonly heapUsedBytes: number
  readonly rssBytes: number
}

/** Measures since it was asked last. */
export interface PressureMeter {
  readonly read: () => Pressure
  readonly close: () => void
}

const DELAY_RESOLUTION_MS = 10

/** Measures this process. */
export function openPressureMeter (): PressureMeter {
  const histogram = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  histogram.enable()
  let utilization = performance.eventLoopUtilization()
  return {
    read: () => {
      const now = performance.eventLoopUtilization()
      const { heapUsed, rss } = process.memoryUsage()
      // A histogram without a sample says nothing: its mean is NaN in the moment after a long boot.
      const meanMs = Number.isNaN(histogram.mean) ? 0 : histogram.mean / 1e6
      const pressure = {
        eventLoopDelay: Math.max(0, meanMs - DELAY_RESOLUTION_MS),
        eventLoopUtilization: performance.eventLoopUtilization(now, utilization).utilization,
        heapUsedBytes: heapUsed,
        rssBytes: rss
      }
      histogram.reset()
      utilization = now
      return pressure
    },
    close: () => { histogram.disable() }
  }
}
