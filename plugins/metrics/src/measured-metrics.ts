import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import type { MeasuredValue, Measurement } from '@sallyport/security-context'
import { withDeadline } from '@sallyport/security-context/mechanics'

/** What the metrics of an app's measurements need. */
export interface MeasuredMetricsOptions {
  readonly registry: Registry
  /** All measurements that the app offers by now. */
  readonly measurements: () => readonly Measurement[]
  /** How long one may take, in ms. */
  readonly timeoutMs: number
  readonly failures: MeasurementFailures
}

/** The metric of one name. It has no value between two scrapes. */
interface MeasuredMetric {
  readonly set: (values: readonly MeasuredValue[]) => void
}

/** Counts what could not be read, for each of the steps in which that happens. */
export interface MeasurementFailures {
  /** Names that failed last time. */
  readonly failing: Set<string>
  readonly note: (name: string, error: unknown) => void
}

/**
 * @param onFailure told of the first of several failures in a row
 * @returns makes the failures of one step
 */
export function createMeasurementFailures(
  registry: Registry,
  onFailure: (name: string, error: unknown) => void
): () => MeasurementFailures {
  const counter = new Counter({
    name: 'sallyport_measurement_failures_total',
    help: 'Times that a metric could not be read; it is missing from that scrape',
    labelNames: ['metric'],
    registers: [registry]
  })
  return () => {
    const failing = new Set<string>()
    return {
      failing,
      note: (name, error) => {
        counter.inc({ metric: name })
        if (!failing.has(name)) onFailure(name, error)
        failing.add(name)
      }
    }
  }
}

/**
 * Metrics of the measurements that an app offers. Their values are read before a scrape, all at once and each within
 * the limit. One that fails has no series in that scrape, and is counted; the others are as if nothing had happened.
 * @returns reads every measurement once; never rejects
 */
export function createMeasuredMetrics(options: MeasuredMetricsOptions): () => Promise<void> {
  const { registry, timeoutMs, failures } = options
  const metrics = new Map<string, MeasuredMetric>()

  async function readInTime({ read }: Measurement): Promise<MeasuredValue> {
    const value = read()
    return value instanceof Promise ? await withDeadline(value, timeoutMs) : value
  }

  async function update(name: string, all: readonly Measurement[]): Promise<void> {
    const [first] = all
    if (first === undefined) return
    try {
      const metric = metrics.get(name) ?? createMetric(registry, first)
      metrics.set(name, metric)
      metric.set([])
      metric.set(await Promise.all(all.map(readInTime)))
      failures.failing.delete(name)
    } catch (error) {
      // Also a label that was not declared, a value that is no number, a name that is taken.
      failures.note(name, error)
    }
  }

  return async function readMeasurements() {
    const byName = Map.groupBy(options.measurements(), ({ name }) => name)
    await Promise.all([...byName].map(async ([name, all]) => await update(name, all)))
  }
}

function createMetric(
  registry: Registry,
  { name, help, kind, labels = [], amongWorkers = 'sum' }: Measurement
): MeasuredMetric {
  const definition = { name, help, labelNames: [...labels], registers: [registry] }
  if (kind === 'counter') {
    const counter = new Counter(definition)
    return measuredMetric(counter, labels, (label, value) => {
      counter.inc(label, value)
    })
  }
  const gauge = new Gauge({ ...definition, aggregator: amongWorkers })
  return measuredMetric(gauge, labels, (label, value) => {
    gauge.set(label, value)
  })
}

function measuredMetric(
  metric: Pick<Gauge, 'reset' | 'remove'>,
  labelNames: readonly string[],
  set: (labels: Record<string, string>, value: number) => void
): MeasuredMetric {
  return {
    set: values => {
      metric.reset()
      // The client begins a metric without labels at 0, which would be a value that nobody has measured.
      if (labelNames.length === 0) metric.remove()
      for (const value of values) {
        if (typeof value === 'number') set({}, value)
        else for (const labelled of value ?? []) set({ ...labelled.labels }, labelled.value)
      }
    }
  }
}
