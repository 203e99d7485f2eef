import type { Knex } from 'knex'
import type { OpaqueTokenStore } from '../contract.ts'
import { groupReads } from './group-reads.ts'
import { timeOf } from './time.ts'

interface TokenRow {
  readonly hash: Buffer
  readonly claims: Record<string, unknown>
}

/** Opaque access tokens on PostgreSQL. */
export function opaqueTokenStore(db: Knex): OpaqueTokenStore {
  const find = groupReads(db, async (hashes: readonly Buffer[]) => {
    const { rows } = await db
      .raw<{ rows: TokenRow[] }>('select hash, claims from opaque_access_tokens where hash = any(?)', [[...hashes]])
      .options({ name: 'sallyport-opaque-tokens' })
    const found = new Map(rows.map(({ hash, claims }) => [hash.toString('latin1'), claims]))
    return (hash: Buffer) => found.get(hash.toString('latin1')) ?? null
  })
  return {
    find,
    save: async (hash, clientId, claims, expiresAtMs) => {
      await db('opaque_access_tokens').insert({
        hash,
        client_id: clientId,
        claims: JSON.stringify(claims),
        expires_at: timeOf(expiresAtMs)
      })
    },
    remove: async hash => {
      await db('opaque_access_tokens').where({ hash }).delete()
    }
  }
}
