// Everything that rules, dashboards and tests of rules name, compared with what processes expose.
import { readSources } from '../packages.ts'
import { readRules } from './alert-rules.ts'
import { OPERATIONS_SECTIONS, SECURITY_SECTIONS } from './dashboard-panels.ts'
import { readExposedMetrics } from './exposed-metrics.ts'
import { unknownNames, type NamedExpression } from './unknown-names.ts'

/** Of parts of the audit trail that no process of the local stack has; the sources have them by these names. */
const OF_OPTIONAL_PARTS = [
  'sallyport_audit_rows_kept',
  'sallyport_audit_rows_dropped_total',
  'sallyport_audit_rows_lost_total',
  'sallyport_audit_checkpoint_silent_seconds',
  'sallyport_audit_verification_problems',
  'sallyport_audit_verified_age_seconds',
  'sallyport_audit_push_lag_seconds',
  'sallyport_audit_push_waiting_rows',
  'sallyport_audit_push_failures_total',
  'sallyport_audit_push_refused_rows_total',
  'sallyport_audit_rows_pushed_total',
  'sallyport_audit_rows_pruned_total',
  'sallyport_audit_prune_postponed_rows',
  'sallyport_audit_pruning_silent_seconds'
]

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
  const sources = [...readSources().values()].join('\n')
  const optional = OF_OPTIONAL_PARTS.filter(name => sources.includes(`name: '${name}'`))
  const recorded = new Set([...readRules().recordings.map(({ record }) => record), ...optional])
  const isLiteral = (label: string, value: string): boolean =>
    label === 'http_response_status_code' || sources.includes(`'${value}'`)
  return unknownNames(observedExpressions(), exposed, recorded, isLiteral)
}
