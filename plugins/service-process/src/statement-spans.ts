import { SpanKind, trace, type Attributes, type Span } from '@opentelemetry/api'
import { errorCode } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { failSpan } from './call-spans.ts'
import { TRACER_NAME } from './tracing.ts'

/** What is used of knex' events. Their `bindings` are the values, which nobody reads here. */
interface KnexStatement {
  readonly __knexQueryUid: string
  readonly sql: string
}

/** A stream that is given up has no end that knex would tell. */
const MOST_OPEN_STATEMENTS = 1000

/**
 * Makes a client span of every statement under a request: its text with placeholders, never its values.
 * @param databaseUrl where the database is; only host, port and name are read
 * @see OpenTelemetry semantic conventions, PostgreSQL
 */
export function followStatements(database: Knex, databaseUrl: string): void {
  const tracer = trace.getTracer(TRACER_NAME)
  const place = databaseAttributes(databaseUrl)
  const open = new Map<string, Span>()

  function end({ __knexQueryUid: id }: KnexStatement, error: unknown): void {
    const span = open.get(id)
    if (span === undefined) return
    open.delete(id)
    if (error !== null) {
      failSpan(span, error)
      span.setAttribute('db.response.status_code', errorCode(error) ?? '')
    }
    span.end()
  }

  database.on('query', (statement: KnexStatement) => {
    if (trace.getActiveSpan() === undefined) return
    const operation = operationOf(statement.sql)
    const name = `${operation} ${place['db.namespace']}`
    const attributes = { ...place, 'db.operation.name': operation, 'db.query.text': statement.sql }
    open.set(statement.__knexQueryUid, tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }))
    forgetOldest(open)
  })
  database.on('query-response', (_response: unknown, statement: KnexStatement) => {
    end(statement, null)
  })
  database.on('query-error', (error: unknown, statement: KnexStatement) => {
    end(statement, error)
  })
}

function forgetOldest(open: Map<string, Span>): void {
  if (open.size <= MOST_OPEN_STATEMENTS) return
  const [oldest] = open
  if (oldest === undefined) return
  open.delete(oldest[0])
  oldest[1].end()
}

function databaseAttributes(databaseUrl: string): Attributes & { readonly 'db.namespace': string } {
  const { hostname, port, pathname } = new URL(databaseUrl)
  return {
    'db.system.name': 'postgresql',
    'db.namespace': pathname.slice(1),
    'server.address': hostname,
    'server.port': Number(port) || 5432
  }
}

const operationOf = (sql: string): string => /^\W*(\w{1,32})/.exec(sql)?.[1]?.toUpperCase() ?? 'QUERY'
