import type { Knex } from 'knex'
import type { PushedRequestStore } from '../contract.ts'
import { millisecondsOf, timeOf } from './time.ts'

interface PushedRequestRow {
  readonly hash: Buffer
  readonly client_id: string
  readonly parameters: Record<string, string>
  readonly expires_at: Date
}

/** Pushed authorization requests on PostgreSQL. */
export function pushedRequestStore(db: Knex): PushedRequestStore {
  return {
    save: async (hash, { clientId, parameters, expiresAtMs }) => {
      await db('pushed_requests').insert({
        hash,
        client_id: clientId,
        parameters: JSON.stringify(parameters),
        expires_at: timeOf(expiresAtMs)
      })
    },
    find: async hash => {
      const row = await db<PushedRequestRow>('pushed_requests').where({ hash }).first()
      return row === undefined
        ? null
        : { clientId: row.client_id, parameters: row.parameters, expiresAtMs: millisecondsOf(row.expires_at) }
    },
    remove: async hash => (await db('pushed_requests').where({ hash }).delete()) === 1
  }
}
