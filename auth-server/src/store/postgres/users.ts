import type { Knex } from 'knex'
import type { UserStore } from '../contract.ts'
import type { User } from '../records.ts'
import { millisecondsOf, millisecondsOrNull, timeOf, timeOrNull } from './time.ts'

/** Columns of a user with the roles, for queries that join the table `users`. */
export const USER_COLUMNS = `users.id as user_id, users.username, users.password_hash, users.password_changed_at, users.disabled_at as user_disabled_at,
  array(select role from user_roles where user_roles.user_id = users.id order by role) as roles`

/** A row of {@link USER_COLUMNS}. */
export interface UserRow {
  readonly user_id: string
  readonly username: string
  readonly password_hash: string
  readonly password_changed_at: Date
  readonly user_disabled_at: Date | null
  readonly roles: string[]
}

/** The user of a row. */
export function userOf(row: UserRow): User {
  return {
    id: row.user_id,
    username: row.username,
    passwordHash: row.password_hash,
    passwordChangedAtMs: millisecondsOf(row.password_changed_at),
    disabledAtMs: millisecondsOrNull(row.user_disabled_at),
    roles: row.roles
  }
}

/** Users on PostgreSQL. */
export function userStore(db: Knex): UserStore {
  const one = async (condition: string, value: string): Promise<User | null> => {
    const { rows } = await db.raw<{ rows: UserRow[] }>(`select ${USER_COLUMNS} from users where ${condition}`, [value])
    return rows[0] === undefined ? null : userOf(rows[0])
  }
  const setRoles = async (connection: Knex, id: string, roles: readonly string[]): Promise<void> => {
    await connection('user_roles').where({ user_id: id }).delete()
    if (roles.length > 0) {
      await connection('user_roles').insert([...new Set(roles)].map(role => ({ user_id: id, role })))
    }
  }
  return {
    find: async id => await one('users.id = ?::uuid', id),
    findByName: async username => await one('users.username = ?', username),
    create: async (user, nowMs) =>
      await db.transaction(async trx => {
        const inserted = await trx('users')
          .insert({
            id: user.id,
            username: user.username,
            password_hash: user.passwordHash,
            created_at: timeOf(nowMs),
            password_changed_at: timeOf(user.passwordChangedAtMs),
            disabled_at: timeOrNull(user.disabledAtMs)
          })
          .onConflict()
          .ignore()
          .returning('id')
        if (inserted.length === 0) return false
        await setRoles(trx, user.id, user.roles)
        return true
      }),
    setPasswordHash: async (id, passwordHash, changedAtMs) => {
      await db('users')
        .where({ id })
        .update({ password_hash: passwordHash, password_changed_at: timeOf(changedAtMs) })
    },
    rehash: async (id, previousHash, passwordHash) => {
      await db('users').where({ id, password_hash: previousHash }).update({ password_hash: passwordHash })
    },
    setRoles: async (id, roles) => {
      await db.transaction(async trx => {
        await setRoles(trx, id, roles)
      })
    },
    lockForLogin: async id => {
      await db.raw('select 1 from users where id = ?::uuid for share', [id])
    },
    lockForChange: async id => {
      await db.raw('select 1 from users where id = ?::uuid for update', [id])
    },
    setDisabled: async (id, disabledAtMs) => {
      await db('users')
        .where({ id })
        .update({ disabled_at: timeOrNull(disabledAtMs) })
    },
    list: async () => {
      const { rows } = await db.raw<{ rows: UserRow[] }>(`select ${USER_COLUMNS} from users order by username`)
      return rows.map(userOf)
    }
  }
}
