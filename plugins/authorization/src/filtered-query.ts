import type { Knex } from 'knex'
import { InvalidFilterError } from './errors.ts'

/** A table of a query, and the name under which the query knows it. */
interface NamedTable {
  readonly table: string
  readonly alias: string
}

/** Methods that would remove the filtered table from a query, add other rows, or change rows. */
const REFUSED_CLAUSES = [
  'from',
  'into',
  'table',
  'fromRaw',
  'fromJS',
  'withSchema',
  'union',
  'unionAll',
  'intersect',
  'except',
  'columnInfo',
  'insert',
  'upsert',
  'update',
  'updateFrom',
  'increment',
  'decrement',
  'delete',
  'del',
  'truncate',
  'using'
] as const
/** Methods of a reading query. */
const READING: readonly unknown[] = ['select', 'first', 'pluck']

const prototypes = new WeakMap<object, object>()

/**
 * Replaces the table of a query by `(select * from table where condition) as table`. Whatever else the query does
 * before or after (conditions with OR, their removal, copies, use as a subquery), it returns only rows of that table.
 * From then on the query and its copies refuse another table, a set operation and a write.
 * @throws {InvalidFilterError} `SALLYPORT_AUTHORIZATION_FILTER_INVALID` when the query is not a plain one over one
 * table
 */
export function replaceTable(query: Knex.QueryBuilder, sql: string, bindings: readonly string[]): void {
  const { table, alias } = namedTable(query)
  const named = table === alias ? table : `${table} as ${alias}`
  const filtered: Knex.QueryBuilder = query.client.queryBuilder().select('*').from(named)
  const { schema } = single(query)
  if (typeof schema === 'string') void filtered.withSchema(schema)
  Reflect.deleteProperty(single(query), 'schema')
  void query.from(filtered.whereRaw(`(${sql})`, [...bindings]).as(unqualified(alias)))
  Object.setPrototypeOf(query, guardedPrototype(Object.getPrototypeOf(query)))
}

/** Knex has no public access to the table and the method of a query, so they are read from its internals. */
function single(query: Knex.QueryBuilder): {
  readonly table?: unknown
  readonly schema?: unknown
  readonly only?: unknown
} {
  const found: unknown = Reflect.get(query, '_single')
  if (typeof found === 'object' && found !== null) return found
  throw new InvalidFilterError('this version of knex does not show the table of a query')
}

function namedTable(query: Knex.QueryBuilder): NamedTable {
  const statements: unknown = Reflect.get(query, '_statements')
  if (!Array.isArray(statements) || !READING.includes(Reflect.get(query, '_method'))) {
    throw new InvalidFilterError('the query does not read')
  }
  if (statements.some((statement: { grouping?: unknown }) => statement.grouping === 'union')) {
    throw new InvalidFilterError('the query has a UNION or another set operation; filter each of its parts')
  }
  const { table, only } = single(query)
  if (typeof table === 'string' && only !== true) {
    // As knex reads it: `orders as o`.
    const [name = table, as, alias, ...rest] = table.trim().split(/\s+/)
    const isAliased = as?.toLowerCase() === 'as' && alias !== undefined && rest.length === 0
    return isAliased ? { table: name, alias } : { table, alias: table }
  }
  const isAliases = typeof table === 'object' && table !== null && Object.getPrototypeOf(table) === Object.prototype
  const [entry, ...more]: Array<[string, unknown]> = isAliases ? Object.entries(table) : []
  if (entry === undefined || more.length > 0 || typeof entry[1] !== 'string') {
    throw new InvalidFilterError('the query is not over one named table')
  }
  return { alias: entry[0], table: entry[1] }
}

function unqualified(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** The prototype of filtered queries extends that of knex; a copy of a filtered query is one too. */
function guardedPrototype(prototype: unknown): object {
  if (typeof prototype !== 'object' || prototype === null) throw new InvalidFilterError('this is not a knex query')
  const known = prototypes.get(prototype)
  if (known !== undefined) return known
  const original: unknown = Reflect.get(prototype, 'constructor')
  if (typeof original !== 'function') throw new InvalidFilterError('this is not a knex query')
  const guarded: object = Object.create(prototype)
  for (const name of REFUSED_CLAUSES) {
    const value = function refuseOnFilteredQuery(): never {
      throw new InvalidFilterError(`${name} on a filtered query would go around the filter; use it as a subquery`)
    }
    Object.defineProperty(guarded, name, { value })
  }
  // Knex copies a query by `new this.constructor(client)`.
  const value = function filteredQuery(client: unknown): object {
    const copy: object = Reflect.construct(original, [client])
    return Object.setPrototypeOf(copy, guarded)
  }
  Object.defineProperty(guarded, 'constructor', { value })
  prototypes.set(prototype, guarded)
  return guarded
}
