import type { Knex } from 'knex'
import type { SigningKeyStore } from '../contract.ts'
import type { SigningKeyRecord, SigningKeyState } from '../records.ts'
import { millisecondsOf, millisecondsOrNull, timeOf, timeOrNull } from './time.ts'

interface KeyRow {
  readonly kid: string
  readonly algorithm: string
  readonly public_jwk: Record<string, string>
  readonly private_key_sealed: Buffer
  readonly state: SigningKeyState
  readonly published_at: Date
  readonly signing_at: Date | null
  readonly retired_at: Date | null
  readonly removed_at: Date | null
}

/** Any number, as long as nothing else of this database uses it. */
const KEY_STEP_LOCK = 7_201_001

/** Signing keys on PostgreSQL. */
export function signingKeyStore(db: Knex): SigningKeyStore {
  return {
    list: async () =>
      (await db<KeyRow>('signing_keys').whereNot({ state: 'removed' }).orderBy('published_at')).map(signingKeyFromRow),
    add: async key => {
      await db('signing_keys').insert({
        kid: key.kid,
        algorithm: key.algorithm,
        public_jwk: JSON.stringify(key.publicJwk),
        private_key_sealed: key.privateKeySealed,
        state: key.state,
        published_at: timeOf(key.publishedAtMs),
        signing_at: timeOrNull(key.signingAtMs),
        retired_at: timeOrNull(key.retiredAtMs),
        removed_at: timeOrNull(key.removedAtMs)
      })
    },
    move: async (kid, from, to, nowMs) => {
      // A removed key signs and verifies nothing any more: its private part goes at once.
      const change = to === 'removed' ? { private_key_sealed: Buffer.alloc(0) } : {}
      return (
        (await db('signing_keys')
          .where({ kid, state: from })
          .update({ state: to, [`${to}_at`]: timeOf(nowMs), ...change })) === 1
      )
    },
    reseal: async (kid, privateKeySealed) => {
      await db('signing_keys')
        .where({ kid })
        .whereNot({ state: 'removed' })
        .update({ private_key_sealed: privateKeySealed })
    },
    lock: async () => {
      await db.raw('select pg_advisory_xact_lock(?)', [KEY_STEP_LOCK])
    }
  }
}

function signingKeyFromRow(row: KeyRow): SigningKeyRecord {
  return {
    kid: row.kid,
    algorithm: row.algorithm,
    publicJwk: row.public_jwk,
    privateKeySealed: row.private_key_sealed,
    state: row.state,
    publishedAtMs: millisecondsOf(row.published_at),
    signingAtMs: millisecondsOrNull(row.signing_at),
    retiredAtMs: millisecondsOrNull(row.retired_at),
    removedAtMs: millisecondsOrNull(row.removed_at)
  }
}
