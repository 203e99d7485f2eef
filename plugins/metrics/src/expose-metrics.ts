import { Registry, type MetricObject, type MetricObjectWithValues, type MetricValue } from '@prometheus-io/client'
import { withDeadline } from '@sallyport/security-context/mechanics'
import type { MeasurementFailures } from './measured-metrics.ts'

/** The text of one scrape. */
export interface Exposition {
  readonly contentType: string
  readonly body: string
}

/** What is exposed, and how. */
export interface ExpositionOptions {
  readonly registry: Registry
  /** Brings the values of measurements up to date; does not reject. */
  readonly readMeasurements: () => Promise<void>
  /** How long one metric may take that collects by itself, in ms. */
  readonly timeoutMs: number
  readonly failures: MeasurementFailures
}

/** A metric as data, in the form of the client's `getMetricsAsJSON`. */
export type ReadMetric = MetricObjectWithValues<MetricValue<string>>

/** What is done with the metrics of a registry. */
export interface RegistryReader {
  readonly expose: (accept: string | undefined) => Promise<Exposition>
  /** The metrics as data, for whoever adds up those of several processes. One that cannot be read is left out. */
  readonly read: () => Promise<readonly ReadMetric[]>
}

/**
 * Writes the metrics of a registry in the format that a scraper accepts: OpenMetrics for one that asks for it, which is
 * the only format with exemplars, else the text format of Prometheus. A metric that cannot be written is left out.
 * @see OpenMetrics 1.0
 */
export function createExposition({
  registry,
  readMeasurements,
  timeoutMs,
  failures
}: ExpositionOptions): RegistryReader {
  let last: Promise<unknown> = Promise.resolve()

  async function textOf(name: string): Promise<string | null> {
    try {
      const text = await withDeadline(registry.getSingleMetricAsString(name), timeoutMs)
      failures.failing.delete(name)
      return text
    } catch (error) {
      failures.note(name, error)
      return null
    }
  }

  async function write(isOpenMetrics: boolean): Promise<Exposition> {
    await readMeasurements()
    const metrics = registry.getMetricsAsArray()
    const names = metrics.map(({ name }) => name)
    registry.setContentType(isOpenMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE)
    // OpenMetrics has the name of a counter without the `_total` of its samples, which the client adds.
    if (isOpenMetrics) for (const metric of metrics) metric.name = openMetricsName(metric)
    try {
      const texts = await Promise.all(names.map(textOf))
      const written = texts.filter(text => text !== null)
      const body = isOpenMetrics ? `${written.join('\n')}\n# EOF\n` : `${written.join('\n\n')}\n`
      return { contentType: registry.contentType, body }
    } finally {
      registry.setContentType(Registry.PROMETHEUS_CONTENT_TYPE)
      metrics.forEach((metric, index) => {
        metric.name = names[index] ?? metric.name
      })
    }
  }

  async function readAll(): Promise<readonly ReadMetric[]> {
    await readMeasurements()
    return await withDeadline(registry.getMetricsAsJSON(), timeoutMs)
  }

  /** One after the other: the format is a property of the registry. */
  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }

  return {
    expose: async accept => {
      const isOpenMetrics = accept?.includes('application/openmetrics-text') === true
      return await inTurn(async () => await write(isOpenMetrics))
    },
    read: async () => await inTurn(readAll)
  }
}

function openMetricsName({ name, type }: Pick<MetricObject, 'name' | 'type'>): string {
  return type === 'counter' ? name.replace(/_total$/, '') : name
}
