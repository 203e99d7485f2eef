// What processes expose at /metrics, read from the text format of Prometheus.

/** The labels that were seen of each metric, with some of their values. */
export type ExposedMetrics = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>

const SAMPLE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? /
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g

/**
 * Reads answers of `/metrics`. A metric without a sample is there without labels, and a histogram under each of its
 * names.
 */
export function readExposedMetrics(texts: readonly string[]): ExposedMetrics {
  const metrics = new Map<string, Map<string, Set<string>>>()
  const metricOf = (name: string): Map<string, Set<string>> => {
    const known = metrics.get(name) ?? new Map<string, Set<string>>()
    metrics.set(name, known)
    return known
  }
  for (const line of texts.flatMap(text => text.split('\n'))) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)/.exec(line) ?? []
    if (typed !== undefined) {
      const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      for (const suffix of suffixes) metricOf(typed + suffix)
    } else if (!line.startsWith('#')) {
      const [, name, labels = ''] = SAMPLE.exec(line) ?? []
      if (name === undefined) continue
      for (const [, label = '', value = ''] of labels.matchAll(LABEL)) {
        const seen = metricOf(name)
        seen.set(label, (seen.get(label) ?? new Set()).add(value))
      }
    }
  }
  return metrics
}
