// Compares what rules and dashboards name with what processes expose.
import type { ExposedMetrics } from './exposed-metrics.ts'
import { readPromql, type LabelMatcher } from './read-promql.ts'

/** An expression, and where it is from. */
export interface NamedExpression {
  readonly at: string
  readonly expression: string
}

/** What Prometheus adds to every series, and the series that it makes itself. */
const OF_PROMETHEUS: ExposedMetrics = new Map([
  ['up', new Map()],
  ['ALERTS', new Map(['alertname', 'alertstate', 'severity'].map(label => [label, new Set<string>()]))]
])
const TARGET_LABELS = new Set(['job', 'instance', 'process'])

/**
 * Metrics, labels and values that no process has, one sentence each. `isKnownValue` tells of values that were not seen,
 * and of labels (with an empty first argument) of metrics that have no sample.
 * @param recorded names of recording rules
 */
export function unknownNames(
  expressions: readonly NamedExpression[],
  exposed: ExposedMetrics,
  recorded: ReadonlySet<string>,
  isKnownValue: (label: string, value: string) => boolean
): string[] {
  return expressions.flatMap(({ at, expression }) => {
    const { selectors, grouped } = readPromql(expression)
    const measured = selectors.filter(({ metric }) => !recorded.has(metric))
    const labelsOf = (metric: string): ReadonlyMap<string, ReadonlySet<string>> | undefined =>
      exposed.get(metric) ?? OF_PROMETHEUS.get(metric)
    const hasLabel = (metric: string, label: string): boolean =>
      TARGET_LABELS.has(label) ||
      labelsOf(metric)?.has(label) === true ||
      (labelsOf(metric)?.size === 0 && isKnownValue('', label))
    const isUnknownValue = (metric: string, { label, operator, value }: LabelMatcher): boolean => {
      if (operator.startsWith('!') || TARGET_LABELS.has(label)) return false
      const seen = [...(labelsOf(metric)?.get(label) ?? [])]
      const isKnown = (word: string): boolean => seen.includes(word) || isKnownValue(label, word)
      return operator === '=' ? !isKnown(value) : !value.split('|').every(word => isKnown(word) || isSeen(word, seen))
    }
    return [
      ...measured.filter(({ metric }) => labelsOf(metric) === undefined).map(({ metric }) => `${at}: no ${metric}`),
      ...measured
        .filter(({ metric }) => labelsOf(metric) !== undefined)
        .flatMap(({ metric, matchers }) => [
          ...matchers
            .filter(({ label }) => !hasLabel(metric, label))
            .map(({ label }) => `${at}: ${metric} has no ${label}`),
          ...matchers
            .filter(matcher => hasLabel(metric, matcher.label) && isUnknownValue(metric, matcher))
            .map(({ label, value }) => `${at}: ${metric} has no ${label} ${value}`)
        ]),
      ...grouped
        .filter(label => measured.length > 0 && !measured.some(({ metric }) => hasLabel(metric, label)))
        .map(label => `${at}: nothing has the label ${label}`)
    ]
  })
}

function isSeen(pattern: string, values: readonly string[]): boolean {
  const whole = new RegExp(`^(?:${pattern})$`)
  return values.some(value => whole.test(value))
}
