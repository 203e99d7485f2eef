import { outsideRequests } from '@sallyport/security-context'
import { withDeadline } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'

/** The part of a pool connection that is used here. */
export interface PoolConnection {
  /** The pool drops a connection that carries this mark. */
  __knex__disposed?: unknown
  /** Of the driver: past knex, which knows no named statements. */
  readonly query: (statement: {
    readonly name: string
    readonly text: string
    readonly values: readonly unknown[]
  }) => Promise<unknown>
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

function cut(connection: PoolConnection): void {
  const reason = new Error('the database gave no answer in time')
  connection.__knex__disposed = reason
  connection.connection?.stream?.destroy(reason)
}
