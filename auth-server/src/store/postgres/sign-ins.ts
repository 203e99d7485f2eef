import type { Knex } from 'knex'
import type { SignInStore } from '../contract.ts'
import type { SignIn, UserSignIn } from '../records.ts'
import { millisecondsOf, millisecondsOrNull, timeOf, timeOrNull } from './time.ts'
import { USER_COLUMNS, userOf, type UserRow } from './users.ts'

interface SignInRow {
  readonly id: string
  readonly user_id: string
  readonly authenticated_at: Date
  readonly last_used_at: Date
  readonly idle_expires_at: Date
  readonly absolute_expires_at: Date
  readonly ended_at: Date | null
}

// One statement, so one snapshot of sign-in and user.
const WITH_USER = `select sign_ins.*, ${USER_COLUMNS} from sign_ins join users on users.id = sign_ins.user_id`

/** Sign-ins on PostgreSQL. */
export function signInStore(db: Knex): SignInStore {
  const one = async (condition: string, value: string | Buffer): Promise<UserSignIn | null> => {
    const { rows } = await db.raw<{ rows: Array<SignInRow & UserRow> }>(`${WITH_USER} where ${condition}`, [value])
    return rows[0] === undefined ? null : { signIn: signInOf(rows[0]), user: userOf(rows[0]) }
  }
  return {
    create: async (signIn, secretHash) => {
      await db('sign_ins').insert({
        id: signIn.id,
        user_id: signIn.userId,
        ...changingColumnsOf(signIn, secretHash),
        ended_at: timeOrNull(signIn.endedAtMs)
      })
    },
    renew: async (signIn, secretHash) =>
      (await db('sign_ins')
        .where({ id: signIn.id, user_id: signIn.userId })
        .whereNull('ended_at')
        .update(changingColumnsOf(signIn, secretHash))) === 1,
    findBySecret: async secretHash => await one('sign_ins.secret_hash = ?', secretHash),
    lockLive: async id => await one('sign_ins.id = ?::uuid and sign_ins.ended_at is null for update of sign_ins', id),
    touch: async (id, lastUsedAtMs, idleExpiresAtMs) => {
      await db('sign_ins')
        .where({ id })
        .update({ last_used_at: timeOf(lastUsedAtMs), idle_expires_at: timeOf(idleExpiresAtMs) })
    },
    end: async (selector, nowMs) => {
      const condition = 'all' in selector ? {} : 'id' in selector ? { id: selector.id } : { user_id: selector.userId }
      const rows = await db<SignInRow>('sign_ins')
        .where(condition)
        .modify(query => {
          if ('keptId' in selector && selector.keptId !== undefined) void query.whereNot({ id: selector.keptId })
        })
        .whereNull('ended_at')
        .update({ ended_at: timeOf(nowMs) })
        .returning('id')
      return rows.map(({ id }) => id)
    }
  }
}

function signInOf(row: SignInRow): SignIn {
  return {
    id: row.id,
    userId: row.user_id,
    authenticatedAtMs: millisecondsOf(row.authenticated_at),
    lastUsedAtMs: millisecondsOf(row.last_used_at),
    idleExpiresAtMs: millisecondsOf(row.idle_expires_at),
    absoluteExpiresAtMs: millisecondsOf(row.absolute_expires_at),
    endedAtMs: millisecondsOrNull(row.ended_at)
  }
}

function changingColumnsOf(signIn: SignIn, secretHash: Buffer): Record<string, Buffer | Date> {
  return {
    secret_hash: secretHash,
    authenticated_at: timeOf(signIn.authenticatedAtMs),
    last_used_at: timeOf(signIn.lastUsedAtMs),
    idle_expires_at: timeOf(signIn.idleExpiresAtMs),
    absolute_expires_at: timeOf(signIn.absoluteExpiresAtMs)
  }
}
