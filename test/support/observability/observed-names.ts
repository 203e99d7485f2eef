// Everything that rules, dashboards and tests of rules name, compared with what processes expose.
import { readSources } from '../packages.ts'
import { readRules } from './alert-rules.ts'
import { OPERATIONS_SECTIONS, SECURITY_SECTIONS } from './dashboard-panels.ts'
import { readExposedMetrics } from './exposed-metrics.ts'
import { readPromql } from './read-promql.ts'
import { unknownNames, type NamedExpression } from './unknown-names.ts'

/** Metrics that no process has yet; one that has come is a mistake here. */
const PENDING: readonly string[] = ['sallyport_exceptions_total', 'sallyport_exception_groups']

/** Expressions of rules and dashboards. */
function observedExpressions(): NamedExpression[] {
  const { alerts, recordings } = readRules()
  return [
    ...alerts.map(({ alert, expr }) => ({ at: alert, expression: expr })),
    ...recordings.map(({ record, expr }) => ({ at: record, expression: expr })),
    ...[...OPERATIONS_SECTIONS, ...SECURITY_SECTIONS].flatMap(({ graphs }) =>
      graphs.flatMap(({ title, queries }) =>
        Object.values(queries).map(expression => ({ at: `graph "${title}"`, expression }))
      )
    )
  ]
}

/**
 * What rules and dashboards name and no process exposes, one sentence each. A value of a label that was not seen has to
 * be a literal of the sources: a refusal that nobody provoked.
 * @param texts answers of `/metrics` of every process
 */
export function unknownObservations(texts: readonly string[]): string[] {
  const exposed = readExposedMetrics(texts)
  const recorded = new Set(readRules().recordings.map(({ record }) => record))
  const sources = [...readSources().values()].join('\n')
  const isLiteral = (label: string, value: string): boolean =>
    label === 'http_response_status_code' || sources.includes(`'${value}'`)
  const measured = observedExpressions().filter(
    ({ expression }) => !readPromql(expression).selectors.some(({ metric }) => PENDING.includes(metric))
  )
  return [
    ...unknownNames(measured, exposed, recorded, isLiteral),
    ...PENDING.filter(metric => exposed.has(metric)).map(metric => `${metric} is pending no longer`)
  ]
}
