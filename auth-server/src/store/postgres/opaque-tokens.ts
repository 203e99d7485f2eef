import type { Knex } from 'knex'
import type { OpaqueTokenStore } from '../contract.ts'
import { timeOf } from './time.ts'

/** Opaque access tokens on PostgreSQL. */
export function opaqueTokenStore(db: Knex): OpaqueTokenStore {
  return {
    save: async (hash, clientId, claims, expiresAtMs) => {
      await db('opaque_access_tokens').insert({
        hash,
        client_id: clientId,
        claims: JSON.stringify(claims),
        expires_at: timeOf(expiresAtMs)
      })
    },
    find: async hash => {
      const row = await db<{ hash: Buffer; claims: Record<string, unknown> }>('opaque_access_tokens')
        .where({ hash })
        .first('claims')
      return row === undefined ? null : row.claims
    },
    remove: async hash => {
      await db('opaque_access_tokens').where({ hash }).delete()
    }
  }
}
