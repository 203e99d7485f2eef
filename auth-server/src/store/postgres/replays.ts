import { createHash } from 'node:crypto'
import type { Knex } from 'knex'
import type { ReplayStore } from '../contract.ts'
import { timeOf } from './time.ts'

// Each insert takes a few expired rows away, so that the table stays as large as what is live without a timer. The
// unique insert decides between instances.
const RECORD_REPLAY = `with expired as (
    select issuer, jti from replayed_ids where expires_at < :now limit 10 for update skip locked
  ), removed as (
    delete from replayed_ids using expired where replayed_ids.issuer = expired.issuer and replayed_ids.jti = expired.jti
  )
  insert into replayed_ids (issuer, jti, expires_at) values (:issuer, :jti, :expiresAt) on conflict do nothing returning jti`

/** Used ids on PostgreSQL: by hash, so that a row's size does not depend on the sender. */
export function replayStore(db: Knex): ReplayStore {
  return {
    record: async ({ issuer, jti, expiresAtMs }, nowMs) => {
      const hash = createHash('sha256').update(jti).digest('base64url')
      const { rows } = await db.raw<{ rows: unknown[] }>(RECORD_REPLAY, {
        issuer,
        jti: hash,
        now: timeOf(nowMs),
        expiresAt: timeOf(expiresAtMs)
      })
      return rows.length === 1
    }
  }
}
