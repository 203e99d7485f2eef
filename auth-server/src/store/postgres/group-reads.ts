import { callTogether, type CallTogether } from '@sallyport/security-context'
import type { Knex } from 'knex'

/**
 * Reads of concurrent requests that go together. In a transaction each goes by itself.
 * @param db a pool, or a transaction of one
 */
export function groupReads<Key, Found>(db: Knex, read: CallTogether<Key, Found>): (key: Key) => Promise<Found> {
  return db.isTransaction === true ? async key => (await read([key]))(key) : callTogether(read)
}
