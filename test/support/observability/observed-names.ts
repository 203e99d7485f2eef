// Everything that rules, dashboards and tests of rules name, compared with what processes expose.
import { readSources } from '../packages.ts'
import { readRules } from './alert-rules.ts'
import { OPERATIONS_SECTIONS, SECURITY_SECTIONS } from './dashboard-panels.ts'
import { readExposedMetrics } from './exposed-metrics.ts'
import { readPromql } from './read-promql.ts'
import { unknownNames, type NamedExpression } from './unknown-names.ts'

/** Metrics that no process has yet; one that has come is a mistake here. */
const PENDING: readonly string[] = [
  'sallyport_ready',
  'sallyport_health_check_passing',
  'sallyport_event_loop_delay_seconds',
  'sallyport_event_loop_utilization_ratio',
  'sallyport_requests_shed_total',
  'sallyport_exceptions_total',
  'sallyport_exception_groups',
  'sallyport_build_info',
  'sallyport_policy_info',
  'sallyport_routes_info',
  'sallyport_log_lines_dropped_total',
  'sallyport_measurement_failures_total',
  'sallyport_database_pool_connections',
  'sallyport_database_pool_limit',
  'sallyport_database_pool_waiting',
  'sallyport_peer_requests_waiting',
  'sallyport_upstream_requests_waiting',
  'sallyport_password_hashes_waiting',
  'sallyport_password_hashes_refused_total',
  'sallyport_session_tokens_due_total',
  'sallyport_session_refreshes_total',
  'sallyport_token_exchange_cache_lookups_total',
  'sallyport_token_exchange_cache_entries',
  'sallyport_key_set_age_seconds',
  'sallyport_status_list_age_seconds',
  'sallyport_status_lists_followed',
  'sallyport_certificate_expiry_timestamp_seconds',
  'sallyport_audit_lag_seconds',
  'sallyport_audit_unsealed_rows',
  'sallyport_audit_sealer_silent_seconds',
  'sallyport_audit_rows_waiting',
  'sallyport_audit_rows_refused_total',
  'sallyport_audit_writes_given_up_total'
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
