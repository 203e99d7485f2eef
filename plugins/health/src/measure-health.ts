import type { Measurement } from '@sallyport/security-context'
import type { Readiness } from './process-readiness.ts'
import type { LoadShedding } from './shed-load.ts'

/** What operators watch of the health of a process. Nothing here runs a check: probes do that. */
export function healthMeasurements(readiness: Readiness, shedding: LoadShedding | null): Measurement[] {
  return [
    {
      name: 'sallyport_ready',
      help: 'Whether the last readiness probe was answered with yes; 0 before the start and while the process ends',
      kind: 'gauge',
      amongWorkers: 'min',
      read: () => Number(readiness.wasReady())
    },
    {
      name: 'sallyport_health_check_passing',
      help: 'Whether a check passed in the last readiness probe',
      kind: 'gauge',
      amongWorkers: 'min',
      labels: ['check'],
      read: () => readiness.last().map(({ name: check, passed }) => ({ labels: { check }, value: Number(passed) }))
    },
    ...(shedding === null ? [] : loadMeasurements(shedding))
  ]
}

function loadMeasurements({ measured, shedByThreshold }: LoadShedding): Measurement[] {
  return [
    {
      name: 'sallyport_event_loop_delay_seconds',
      help: 'Mean delay of the event loop in the last sample interval, which load shedding compares',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => measured().eventLoopDelay / 1000
    },
    {
      name: 'sallyport_event_loop_utilization_ratio',
      help: 'Share of the last sample interval in which the event loop was busy',
      kind: 'gauge',
      amongWorkers: 'max',
      read: () => measured().eventLoopUtilization
    },
    {
      name: 'sallyport_requests_shed_total',
      help: 'Requests that were answered with 503 because of the load',
      kind: 'counter',
      labels: ['threshold'],
      read: () => [...shedByThreshold()].map(([threshold, value]) => ({ labels: { threshold }, value }))
    }
  ]
}
