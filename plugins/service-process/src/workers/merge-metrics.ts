/** One series of a metric in one process. */
export interface SeriesSnapshot {
  readonly value: number
  readonly labels: Readonly<Record<string, string | number>>
  /** Of a histogram: with its suffix. */
  readonly metricName?: string
}

/** A metric in one process, as the client for Prometheus gives it. */
export interface MetricSnapshot {
  readonly name: string
  readonly help: string
  readonly type: string
  /** Of a gauge: what becomes of the values of several processes. Left out: `sum`. */
  readonly aggregator?: string
  readonly values: readonly SeriesSnapshot[]
}

type Combine = (values: readonly number[]) => number | null

/** `null` leaves the series out. */
const COMBINED: Readonly<Record<string, Combine>> = {
  sum: values => values.reduce((sum, value) => sum + value, 0),
  max: values => Math.max(...values),
  min: values => Math.min(...values),
  average: values => values.reduce((sum, value) => sum + value, 0) / values.length,
  first: ([value = null]) => value,
  omit: () => null
}

/** What never goes down while a process runs, so that it must not when one of several has ended. */
export function isAddedUp({ type }: Pick<MetricSnapshot, 'type'>): boolean {
  return type === 'counter' || type === 'histogram' || type === 'summary'
}

/**
 * The metrics of several processes as those of one. Counters and histograms add up, series by series; gauges become
 * what they declare: a pool is a sum, a delay its maximum, a check its minimum.
 */
export function mergeMetrics(processes: ReadonlyArray<readonly MetricSnapshot[]>): MetricSnapshot[] {
  const byName = Map.groupBy(processes.flat(), ({ name }) => name)
  return [...byName.values()].flatMap(same => {
    const [first] = same
    if (first === undefined) return []
    const combine = COMBINED[isAddedUp(first) ? 'sum' : (first.aggregator ?? 'sum')] ?? COMBINED['sum']
    const series = Map.groupBy(
      same.flatMap(({ values }) => values),
      seriesName
    )
    const values = [...series.values()].flatMap(each => {
      const value = combine?.(each.map(one => one.value)) ?? null
      return each[0] === undefined || value === null ? [] : [{ ...each[0], value }]
    })
    return [{ ...first, values }]
  })
}

/** The same for the same metric and labels, whatever their order is. */
function seriesName({ metricName = '', labels }: SeriesSnapshot): string {
  const pairs = Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify([metricName, pairs])
}

/** The text format of Prometheus, version 0.0.4. */
export function writeMetrics(metrics: readonly MetricSnapshot[]): string {
  return metrics
    .map(({ name, help, type, values }) =>
      [
        `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
        `# TYPE ${name} ${type}`,
        ...values.map(
          ({ metricName, labels, value }) => `${metricName ?? name}${labelsText(labels)} ${valueText(value)}`
        )
      ].join('\n')
    )
    .join('\n\n')
    .concat('\n')
}

function labelsText(labels: SeriesSnapshot['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapedLabel(String(value))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapedLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function valueText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (Number.isFinite(value)) return String(value)
  return value > 0 ? '+Inf' : '-Inf'
}
