import type { Knex } from 'knex'
import type { Policy, Principal } from '@sallyport/security-context'
import { aclCondition } from './acl.ts'
import { comparableText } from './comparable-text.ts'
import { InvalidFilterError, InvalidPolicyError } from './errors.ts'
import { evaluateRule, ownerText, type Rule } from './evaluate.ts'
import { replaceTable } from './filtered-query.ts'
import { policyMistakes, type IssuerCount } from './validate-policy.ts'

/**
 * The column that holds an attribute. The name alone compares `column::text`, which is right for text, varchar, enum,
 * uuid, integer and boolean columns, but only uses an index on text ones; `uuid` and `integer` compare in that type.
 */
export type ColumnMapping = string | { readonly column: string; readonly type: 'text' | 'uuid' | 'integer' }

/** Which columns of a query hold the attributes of a policy's resource. */
export interface FilterMapping {
  readonly columns: Readonly<Record<string, ColumnMapping>>
  /**
   * How many issuers the app takes tokens of; `request.visible` knows it. With several, a policy that names none is
   * refused. Default: one.
   */
  readonly issuers?: IssuerCount
}

interface Condition {
  readonly sql: string
  readonly bindings: readonly string[]
}

const FALSE: Condition = { sql: 'false', bindings: [] }
const TRUE: Condition = { sql: 'true', bindings: [] }
const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const INTEGER = /^(?:0|-?[1-9]\d{0,17})$/

/**
 * Restricts a query to the rows that the policy allows, in the database, so that paging and counting are right. It
 * agrees with `decide` on every row. The filter replaces the table of the query, so that no condition before or after,
 * no copy and no use as a subquery bypasses it.
 * @param query a knex query on PostgreSQL that reads one named table, joined to others or not; changed in place and
 * returned
 * @param principal who asks; `null` sees nothing
 * @param mapping columns of that table
 * @throws {InvalidPolicyError} `SALLYPORT_AUTHORIZATION_POLICY_INVALID`
 * @throws {InvalidFilterError} `SALLYPORT_AUTHORIZATION_FILTER_INVALID`
 */
export function applyFilter<Query extends Knex.QueryBuilder>(
  query: Query,
  policy: Policy,
  principal: Principal | null,
  mapping: FilterMapping
): Query {
  const mistakes = policyMistakes(policy, 'policy', mapping.issuers)
  if (mistakes.length > 0) throw new InvalidPolicyError(mistakes.join('; '))
  const { sql, bindings } = filterCondition(policy, principal, mapping)
  replaceTable(query, sql, bindings)
  return query
}

function filterCondition(policy: Policy, principal: Principal | null, mapping: FilterMapping): Condition {
  if (policy.kind === 'allOf' || policy.kind === 'anyOf') {
    const parts = policy.policies.map(part => filterCondition(part, principal, mapping))
    const operator = policy.kind === 'allOf' ? ' and ' : ' or '
    return { sql: parts.map(({ sql }) => `(${sql})`).join(operator), bindings: parts.flatMap(part => part.bindings) }
  }
  return ruleCondition(policy, principal, mapping)
}

function ruleCondition(rule: Rule, principal: Principal | null, { columns, issuers }: FilterMapping): Condition {
  if (rule.kind === 'role' || rule.kind === 'scope' || rule.kind === 'actor' || rule.kind === 'client') {
    return principal !== null && evaluateRule(rule, principal, { principal }) === 'allowed' ? TRUE : FALSE
  }
  const mapping = mappedColumn(columns, rule.attribute)
  const issuerMapping =
    rule.kind !== 'owner' || rule.issuerAttribute === undefined ? null : mappedColumn(columns, rule.issuerAttribute)
  if (principal === null) return FALSE
  if (rule.kind === 'attribute') return anyCondition(rule.anyOf.map(value => columnEquals(mapping, value)))
  const subject = ownerText(principal)
  if (subject === undefined) return FALSE
  if (rule.kind === 'acl') return aclCondition(principal, rule, columnOf(mapping), issuers)
  if (rule.issuer !== undefined && rule.issuer !== principal.issuer) return FALSE
  const owned = columnEquals(mapping, subject)
  if (issuerMapping === null) return owned
  if (principal.issuer === null) return FALSE
  const issued = columnEquals(issuerMapping, principal.issuer)
  return { sql: `${owned.sql} and ${issued.sql}`, bindings: [...owned.bindings, ...issued.bindings] }
}

function mappedColumn(columns: FilterMapping['columns'], attribute: string): ColumnMapping {
  const mapping = columns[attribute]
  if (mapping === undefined) throw new InvalidFilterError(`no column for the attribute ${attribute}`)
  return mapping
}

function columnEquals(mapping: ColumnMapping, value: string | number | boolean | null): Condition {
  const column = columnOf(mapping)
  if (value === null) return { sql: '?? is null', bindings: [column] }
  const text = comparableText(value)
  if (text === null) return FALSE
  switch (typeof mapping === 'string' ? 'text' : mapping.type) {
    case 'uuid':
      return UUID_TEXT.test(text) ? { sql: '?? = ?::uuid', bindings: [column, text] } : FALSE
    case 'integer':
      return INTEGER.test(text) ? { sql: '?? = ?::bigint', bindings: [column, text] } : FALSE
    default:
      return { sql: '??::text = ?', bindings: [column, text] }
  }
}

function anyCondition(conditions: readonly Condition[]): Condition {
  return {
    sql: conditions.map(({ sql }) => sql).join(' or '),
    bindings: conditions.flatMap(({ bindings }) => bindings)
  }
}

function columnOf(mapping: ColumnMapping): string {
  return typeof mapping === 'string' ? mapping : mapping.column
}
