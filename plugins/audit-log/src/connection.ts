import { withDeadline } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'

/** What is used here of a connection of the pool. */
export interface PoolConnection {
  /** The pool drops a connection that carries this mark. */
  __knex__disposed?: unknown
  readonly connection?: { readonly stream?: { destroy: (error: Error) => void } }
}

interface Pool {
  readonly acquireConnection: () => Promise<PoolConnection>
  readonly releaseConnection: (connection: PoolConnection) => Promise<void>
}

/**
 * Does work on one connection of the pool, for at most `timeoutMs` with the wait for the connection. After that the
 * connection is cut, so that nothing waits on it any more and the pool makes a new one; what was sent on it may still
 * arrive and be committed, or not. The rest of the pool is left alone.
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
    const connection = await pool.acquireConnection()
    try {
      // The caller has given up, and nobody would end this work in time.
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
