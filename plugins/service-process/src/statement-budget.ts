import { followedRequest } from '@sallyport/security-context'
import type { Socket } from 'node:net'

/**
 * The share of the limit that a statement has at least, also when the time of its request is over: what was begun is
 * stored and audited, whoever still waits.
 */
const LEAST_SHARE = 0.2
/** Later than the server, whose error says more and leaves the connection as it is. */
const AFTER_SERVER_MS = 250
/** Whoever cuts these does not know what became of the transaction. */
const ENDS_TRANSACTION = /^\s*(?:commit|rollback)\b/i
const BEGINS_TRANSACTION = /^begin\b[^;]*;$/i

type QueryDone = (error: Error | null, result?: unknown) => void

/** A statement as knex gives it to the driver. */
interface DriverStatement {
  readonly text: string
}

/** The part of a driver connection that is used here. */
export interface BudgetedConnection {
  query: (statement: DriverStatement, done: QueryDone) => unknown
  readonly connection: { readonly stream: Pick<Socket, 'destroy'> }
}

/** The part of knex's pool that is used here. */
export interface BudgetedPool {
  acquire: () => unknown
  /** Read by each `acquire`, in ms. */
  acquireTimeoutMillis: number
}

/**
 * How long the request of this moment may wait for the database, in ms: what is left of its time, at least a fifth
 * of `longestMs`, and at most all of it. Without a request, or a time, it is `longestMs`.
 */
function databaseBudgetMs(longestMs: number): number {
  const remainingMs = followedRequest()?.deadline?.remainingMs() ?? null
  if (remainingMs === null) return longestMs
  return Math.min(longestMs, Math.ceil(Math.max(remainingMs, longestMs * LEAST_SHARE)))
}

/**
 * Statements of a request end when its time is over. A transaction tells the server its limit in the message that
 * begins it, which costs no round trip; whatever is not answered a little later loses its connection.
 * @param longestMs the limit that the server has for every statement
 */
export function budgetStatements(driver: BudgetedConnection, longestMs: number): void {
  const send = driver.query.bind(driver)
  driver.query = function budgetedQuery(statement, done) {
    const budgetMs = databaseBudgetMs(longestMs)
    // The driver is also asked in other ways, by knex when it connects.
    if (budgetMs === longestMs || typeof done !== 'function' || ENDS_TRANSACTION.test(statement.text)) {
      return send(statement, done)
    }
    const limit = setTimeout(() => {
      driver.connection.stream.destroy(new Error('Connection terminated: the time of the request is over'))
    }, budgetMs + AFTER_SERVER_MS)
    const ended: QueryDone = (error, result) => {
      clearTimeout(limit)
      done(error, result)
    }
    if (!BEGINS_TRANSACTION.test(statement.text)) return send(statement, ended)
    return send({ ...statement, text: `${statement.text} set local statement_timeout = ${budgetMs}` }, ended)
  }
}

/** A request waits for a connection no longer than its time lasts. @param longestMs the limit of the pool */
export function budgetConnections(pool: BudgetedPool, longestMs: number): void {
  const acquire = pool.acquire.bind(pool)
  pool.acquire = function budgetedAcquire() {
    pool.acquireTimeoutMillis = databaseBudgetMs(longestMs)
    return acquire()
  }
}
