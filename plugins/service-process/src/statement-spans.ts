import { randomSpanId } from '@sallyport/security-context'
import { errorCode } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { createStatementDescriber, type StatementDescription } from './describe-statement.ts'
import type { SpanPlace } from './place-in-trace.ts'
import { errorTypeOf } from './server-spans.ts'
import { CLIENT_KIND, NOTHING, type SpanAttributes, type SpanValue } from './span-record.ts'
import type { SpanRecorder } from './span-recorder.ts'
import { TRACER_NAME } from './tracing-contract.ts'

/** What is used of knex' events. Their `bindings` are the values, which nobody reads here. */
interface KnexStatement {
  readonly __knexQueryUid: string
  readonly sql: string
}

/** A statement under way: its span is made when it ends. */
interface FollowedStatement {
  readonly parent: SpanPlace
  readonly sql: string
  readonly startMs: number
}

/** A stream that is given up has no end that knex would tell. */
const MOST_OPEN_STATEMENTS = 1000

/**
 * Makes a client span of every statement under a request: its text with placeholders, never its values.
 * @param databaseUrl where the database is; only host, port and name are read
 * @see OpenTelemetry semantic conventions, PostgreSQL
 */
export function followStatements(recorder: SpanRecorder, database: Knex, databaseUrl: string): void {
  const place = databaseAttributes(databaseUrl)
  const describe = createStatementDescriber()
  const known = new WeakMap<StatementDescription, SpanAttributes>()
  function commonAttributes(description: StatementDescription): SpanAttributes {
    const made = known.get(description)
    if (made !== undefined) return made
    const { summary, text } = description
    const attributes = [...place, 'db.query.summary', summary, 'db.query.text', text]
    known.set(description, attributes)
    return attributes
  }
  const open = new Map<string, FollowedStatement>()

  function record({ parent, sql, startMs }: FollowedStatement, failure: SpanAttributes | null): void {
    if (!parent.isSampled && failure === null) return
    const description = describe(sql)
    recorder.record({
      traceId: parent.traceId,
      spanId: randomSpanId(),
      parentSpanId: parent.spanId,
      state: null,
      isSampled: parent.isSampled,
      hasFailed: failure !== null,
      scope: TRACER_NAME,
      name: description.summary,
      kind: CLIENT_KIND,
      startMs,
      endMs: performance.now(),
      common: commonAttributes(description),
      attributes: failure ?? NOTHING,
      events: NOTHING,
      links: NOTHING
    })
  }

  function end({ __knexQueryUid: id }: KnexStatement, failure: SpanAttributes | null): void {
    const statement = open.get(id)
    if (statement === undefined) return
    open.delete(id)
    record(statement, failure)
  }

  database.on('query', ({ __knexQueryUid: id, sql }: KnexStatement) => {
    const parent = recorder.active()
    if (parent === null) return
    open.set(id, { parent, sql, startMs: performance.now() })
    if (open.size <= MOST_OPEN_STATEMENTS) return
    const [oldest] = open
    if (oldest === undefined) return
    open.delete(oldest[0])
    record(oldest[1], null)
  })
  database.on('query-response', (_response: unknown, statement: KnexStatement) => {
    end(statement, null)
  })
  database.on('query-error', (error: unknown, statement: KnexStatement) => {
    end(statement, failureAttributes(error))
  })
}

function failureAttributes(error: unknown): SpanAttributes {
  const code = errorCode(error)
  const type: SpanValue[] = ['error.type', errorTypeOf(error)]
  return code === null ? type : [...type, 'db.response.status_code', code]
}

function databaseAttributes(databaseUrl: string): SpanAttributes {
  const { hostname, port, pathname } = new URL(databaseUrl)
  return [
    ...['db.system.name', 'postgresql', 'db.namespace', decodeURIComponent(pathname.slice(1))],
    ...['server.address', hostname, 'server.port', Number(port) || 5432]
  ]
}
