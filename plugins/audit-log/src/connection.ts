import type { EventEmitter } from 'node:events'
import { outsideRequests } from '@sallyport/security-context'
import { withDeadline } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'

/** The part of a pool connection that is used here. */
export interface PoolConnection {
  /** The pool drops a connection that carries this mark. */
  __knex__disposed?: unknown
  /** Of the driver: past knex, which knows no named statements. */
  readonly query: (
    statement: NamedStatement,
    done: (error: Error | null, answer: { readonly rows: readonly unknown[] }) => void
  ) => unknown
  readonly connection?: { readonly stream?: { destroy: (error: Error) => void } }
}

interface Pool {
  readonly acquireConnection: () => Promise<PoolConnection>
  readonly releaseConnection: (connection: PoolConnection) => Promise<void>
}

/**
 * Works on one connection of the pool for at most `timeoutMs`, including the wait for the connection. After that it
 * cuts the connection, so that nothing waits on it and the pool makes a new one; what was sent may still be committed.
 * The rest of the pool is not affected.
 * @param db the pool
 * @param work uses this connection and no other
 */
export async function withConnection<Result>(
  db: Knex,
  timeoutMs: number,
  work: (connection: PoolConnection) => Promise<Result>
): Promise<Result> {
  const pool: Pool = db.client
  const use: { late: boolean; connection: PoolConnection | null } = { late: false, connection: null }

  async function run(): Promise<Result> {
    // Rows of several requests go together: the time that one of them has left is no limit for the others.
    const connection = await outsideRequests(() => pool.acquireConnection())
    try {
      // The caller has given up, so nobody would end this work in time.
      if (use.late) throw new Error('the connection came too late')
      use.connection = connection
      return await work(connection)
    } finally {
      use.connection = null
      await pool.releaseConnection(connection)
    }
  }

  try {
    return await withDeadline(run(), timeoutMs)
  } catch (error) {
    use.late = true
    // Still in use: the deadline has passed.
    if (use.connection !== null) cut(use.connection)
    throw error
  }
}

/** A statement as the driver takes it: parsed and planned once for each connection. */
export interface NamedStatement {
  readonly name: string
  readonly text: string
  readonly values: readonly unknown[]
}

/**
 * Runs a statement past knex, which has more work with its text than the database: in a transaction on its connection,
 * otherwise on one of the pool. Listeners of knex are told of it as of any other.
 */
export async function runNamed<Row>(db: Knex, statement: NamedStatement): Promise<Row[]> {
  const pool: Pool = db.client
  const connection = await pool.acquireConnection()
  try {
    return await tellOf(db, statement, () => rowsOn<Row>(db, connection, statement))
  } finally {
    // Nothing, of a transaction.
    await pool.releaseConnection(connection)
  }
}

/**
 * {@link runNamed} for at most `timeoutMs`. Of a statement outside a transaction, which may be of several requests,
 * nobody is told.
 * @see {@link withConnection}
 */
export async function runNamedInTime<Row>(db: Knex, statement: NamedStatement, timeoutMs: number): Promise<Row[]> {
  return await withConnection(db, timeoutMs, async connection => {
    const run = (): Promise<Row[]> => rowsOn<Row>(db, connection, statement)
    return db.isTransaction === true ? await tellOf(db, statement, run) : await outsideRequests(run)
  })
}

async function rowsOn<Row>(db: Knex, connection: PoolConnection, statement: NamedStatement): Promise<Row[]> {
  // Its connection may be somebody else's by now.
  if (isEndedTransaction(db)) throw new Error('the transaction has ended')
  return await new Promise((resolve, reject) => {
    // As knex asks the driver: a limit of the request is kept on this way only.
    connection.query(statement, (error, answer) => {
      if (error === null) resolve(answer.rows as Row[])
      else reject(error)
    })
  })
}

let told = 0
async function tellOf<Row>(db: Knex, { text }: NamedStatement, run: () => Promise<Row[]>): Promise<Row[]> {
  const listeners: Pick<EventEmitter, 'emit'> = db.client
  const statement = { __knexQueryUid: `named-${told++}`, sql: text }
  listeners.emit('query', statement)
  try {
    const rows = await run()
    listeners.emit('query-response', rows, statement)
    return rows
  } catch (error) {
    listeners.emit('query-error', error, statement)
    throw error
  }
}

function isEndedTransaction(db: Knex): boolean {
  return db.isTransaction === true && 'isCompleted' in db && (db as Knex.Transaction).isCompleted()
}

/**
 * The same pool, without what an app does to the names and results of its own queries: here columns are read as the
 * tables have them. A transaction is given back as it is.
 */
export function poolAsItIs(db: Knex): Knex {
  const { postProcessResponse, wrapIdentifier }: Knex.Config = db.client.config
  if (db.isTransaction === true || (postProcessResponse === undefined && wrapIdentifier === undefined)) return db
  const plain = db.withUserParams({ ...db.userParams })
  Object.assign(plain.client.config, { postProcessResponse: undefined, wrapIdentifier: undefined })
  return plain
}

function cut(connection: PoolConnection): void {
  const reason = new Error('the database gave no answer in time')
  connection.__knex__disposed = reason
  connection.connection?.stream?.destroy(reason)
}
