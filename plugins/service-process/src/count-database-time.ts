import { beginWait, endWait, followedRequest } from '@sallyport/security-context'
import type { FastifyRequest } from 'fastify'
import type { Knex } from 'knex'

/** What is used of knex' events. */
interface CountedStatement {
  readonly __knexQueryUid: string
}

/** The part of knex's pool that tells of waits for a connection. */
interface TellingPool {
  readonly on: (event: 'acquireRequest' | 'acquireSuccess' | 'acquireFail', listener: (id: number) => void) => unknown
}

/** A stream that is given up has no end that knex would tell. */
const MOST_WAITS = 1000

/**
 * Counts how long requests wait for the database: for a connection and for answers. It finds the request of a statement
 * where the app follows its requests, and counts nothing elsewhere.
 */
export function countDatabaseTime(database: Knex): void {
  const waits = new Map<string, FastifyRequest>()

  function begin(id: string): void {
    const request = followedRequest()
    // Statements of a transaction are told of twice.
    if (request === null || waits.has(id) || waits.size >= MOST_WAITS) return
    waits.set(id, request)
    beginWait(request, 'database')
  }

  function end(id: string): void {
    const request = waits.get(id)
    if (request === undefined) return
    waits.delete(id)
    endWait(request, 'database')
  }

  const pool: TellingPool = database.client.pool
  pool.on('acquireRequest', id => {
    begin(`connection ${id}`)
  })
  for (const event of ['acquireSuccess', 'acquireFail'] as const) {
    pool.on(event, id => {
      end(`connection ${id}`)
    })
  }
  database.on('query', ({ __knexQueryUid: id }: CountedStatement) => {
    begin(id)
  })
  database.on('query-response', (_response: unknown, { __knexQueryUid: id }: CountedStatement) => {
    end(id)
  })
  database.on('query-error', (_error: unknown, { __knexQueryUid: id }: CountedStatement) => {
    end(id)
  })
}
