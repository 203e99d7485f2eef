import { auditedEffects, effectsTogether, type AuditedEffect } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import type { Rotation, SessionFamilyStore } from '../contract.ts'

const COLUMNS = {
  hash: 'bytea',
  successor_hash: 'bytea',
  successor_sealed: 'bytea',
  used_at: 'timestamptz',
  idle_expires_at: 'timestamptz',
  user_agent: 'text',
  source_address: 'text'
} as const

// Of two in `asked` for one token the update takes one. A row that was locked is looked at as it is by then: a token
// that has a successor by now, or a session that has ended, is not usable.
const effectsLocking = (lock: string): string => `usable as (
    select token.session_id, asked.*
    from asked join refresh_tokens token on token.hash = asked.hash
      join sessions session on session.id = token.session_id
    where token.successor_hash is null and session.ended_at is null
    for no key update of token, session ${lock}
  ), rotated as (
    update refresh_tokens token
    set successor_hash = usable.successor_hash, successor_sealed = usable.successor_sealed, used_at = usable.used_at
    from usable where token.hash = usable.hash
    returning usable.*
  ), successors as (
    insert into refresh_tokens (hash, session_id, predecessor_hash, created_at)
    select successor_hash, session_id, hash, used_at from rotated
  ), used as (
    update sessions set last_used_at = rotated.used_at, idle_expires_at = rotated.idle_expires_at,
      user_agent = coalesce(rotated.user_agent, sessions.user_agent),
      source_address = coalesce(rotated.source_address, sessions.source_address)
    from rotated where sessions.id = rotated.session_id
  ), effected as (select place from rotated)`

const STATEMENT = { columns: COLUMNS, valuesOf: rotationValues }
/** Waits for nobody, so that it neither ends in a deadlock nor makes some wait for what holds up another. */
const rotateFree = auditedEffects<Rotation>({
  ...STATEMENT,
  name: 'sallyport-rotations',
  effects: effectsLocking('skip locked')
})
/** Waits for whoever has the token or its session. */
const rotateOne = auditedEffects<Rotation>({ ...STATEMENT, name: 'sallyport-rotation', effects: effectsLocking('') })

type AskedRotation = AuditedEffect<Rotation>

/**
 * Rotations on a pool, or in a transaction. On a pool those of concurrent requests are committed together, each with
 * its audit row; one that finds its token or its session locked, or used, is tried again by itself.
 */
export function rotationsOn(db: Knex): SessionFamilyStore['rotate'] {
  const alone = async (asked: AskedRotation): Promise<boolean> => (await rotateOne(db, [asked])).has(0)
  if (db.isTransaction === true) return async (effect, row) => alone({ effect, row: row ?? null })
  const together = effectsTogether(db, rotateFree)
  return async (effect, row) => {
    const asked = { effect, row: row ?? null }
    return (await together(asked)) || (await alone(asked))
  }
}

function rotationValues(rotation: Rotation): ReadonlyArray<string | Buffer | null> {
  const { hash, successorHash, successorSealed, nowMs, idleExpiresAtMs, userAgent, sourceAddress } = rotation
  const [now, idleExpiresAt] = [new Date(nowMs).toISOString(), new Date(idleExpiresAtMs).toISOString()]
  return [hash, successorHash, successorSealed, now, idleExpiresAt, userAgent, sourceAddress]
}
