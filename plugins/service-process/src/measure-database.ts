import type { Measurement } from '@sallyport/security-context'
import type { Knex } from 'knex'

/** The part of knex's pool that is used here. */
interface ConnectionPool {
  readonly max: number
  readonly numUsed: () => number
  readonly numFree: () => number
  readonly numPendingAcquires: () => number
}

/** What operators watch of the connections to the database. */
export function databaseMeasurements(database: Knex): Measurement[] {
  const pool: ConnectionPool = database.client.pool
  return [
    {
      name: 'sallyport_database_pool_connections',
      help: 'Open connections to the database',
      kind: 'gauge',
      labels: ['state'],
      read: () => [
        { labels: { state: 'used' }, value: pool.numUsed() },
        { labels: { state: 'idle' }, value: pool.numFree() }
      ]
    },
    {
      name: 'sallyport_database_pool_limit',
      help: 'Most connections to the database',
      kind: 'gauge',
      read: () => pool.max
    },
    {
      name: 'sallyport_database_pool_waiting',
      help: 'Work that waits for a connection to the database',
      kind: 'gauge',
      read: () => pool.numPendingAcquires()
    }
  ]
}
