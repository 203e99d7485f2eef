import { SpanKind, trace, type Attributes, type Span } from '@opentelemetry/api'
import { errorCode } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { failSpan } from './call-spans.ts'
import { createStatementDescriber } from './describe-statement.ts'
import { TRACER_NAME } from './tracing-contract.ts'

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
  const describe = createStatementDescriber()
  const open = new Map<string, Span>()

  function end({ __knexQueryUid: id }: KnexStatement, error: unknown): void {
    const span = open.get(id)
    if (span === undefined) return
    open.delete(id)
    if (error !== null) {
      failSpan(span, error)
      const code = errorCode(error)
      if (code !== null) span.setAttribute('db.response.status_code', code)
    }
    span.end()
  }

  database.on('query', (statement: KnexStatement) => {
    if (trace.getActiveSpan() === undefined) return
    const { summary, text } = describe(statement.sql)
    const attributes = { ...place, 'db.query.summary': summary, 'db.query.text': text }
    open.set(statement.__knexQueryUid, tracer.startSpan(summary, { kind: SpanKind.CLIENT, attributes }))
    endOldest(open)
  })
  database.on('query-response', (_response: unknown, statement: KnexStatement) => {
    end(statement, null)
  })
  database.on('query-error', (error: unknown, statement: KnexStatement) => {
    end(statement, error)
  })
}

function endOldest(open: Map<string, Span>): void {
  if (open.size <= MOST_OPEN_STATEMENTS) return
  const [oldest] = open
  if (oldest === undefined) return
  open.delete(oldest[0])
  oldest[1].end()
}

function databaseAttributes(databaseUrl: string): Attributes {
  const { hostname, port, pathname } = new URL(databaseUrl)
  return {
    'db.system.name': 'postgresql',
    'db.namespace': decodeURIComponent(pathname.slice(1)),
    'server.address': hostname,
    'server.port': Number(port) || 5432
  }
}
