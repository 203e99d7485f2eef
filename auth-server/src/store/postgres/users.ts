import { errorCode } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import type { UserStore } from '../contract.ts'
import type { User } from '../records.ts'
import { millisecondsOf, millisecondsOrNull, timeOf, timeOrNull } from './time.ts'

/** @see PostgreSQL, Appendix A */
const UNIQUE_VIOLATION = '23505'

/** Columns of a user with the roles, for queries that join the table `users`. */
export const USER_COLUMNS = `users.id as user_id, users.username, users.password_hash, users.password_changed_at, users.disabled_at as user_disabled_at, users.version as user_version,
  array(select role from user_roles join roles on roles.name = user_roles.role
    where user_roles.user_id = users.id and roles.disabled_at is null order by role) as roles,
  array(select role from user_roles where user_roles.user_id = users.id order by role) as given_roles`

/** A row of {@link USER_COLUMNS}. */
export interface UserRow {
  readonly user_id: string
  readonly username: string
  readonly password_hash: string
  readonly password_changed_at: Date
  readonly user_disabled_at: Date | null
  readonly user_version: number
  readonly roles: string[]
  readonly given_roles: string[]
}

/** The user of a row. */
export function userOf(row: UserRow): User {
  return {
    id: row.user_id,
    username: row.username,
    passwordHash: row.password_hash,
    passwordChangedAtMs: millisecondsOf(row.password_changed_at),
    disabledAtMs: millisecondsOrNull(row.user_disabled_at),
    roles: row.roles,
    givenRoles: row.given_roles,
    version: row.user_version
  }
}

/** Users on PostgreSQL. */
export function userStore(db: Knex): UserStore {
  const one = async (condition: string, value: string): Promise<User | null> => {
    const { rows } = await db.raw<{ rows: UserRow[] }>(
      `select ${USER_COLUMNS} from users where deleted_at is null and ${condition}`,
      [value]
    )
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
        await setRoles(trx, user.id, user.givenRoles)
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
        await trx('users').where({ id }).increment('version')
      })
    },
    lockForLogin: async id => {
      await db.raw('select 1 from users where id = ?::uuid for share', [id])
    },
    lockForChange: async id => {
      await db.raw('select 1 from users where id = ?::uuid for update', [id])
    },
    lockHolders: async role => {
      const holders = 'users.id in (select user_id from user_roles where role = ?) order by users.id'
      await db.raw(`select 1 from users where ${holders} for update`, [role])
      // A statement of its own: it sees what the lock has waited for.
      const { rows } = await db.raw<{ rows: UserRow[] }>(`select ${USER_COLUMNS} from users where ${holders}`, [role])
      return rows.map(userOf)
    },
    setDisabled: async (id, disabledAtMs) => {
      await db('users')
        .where({ id })
        .update({ disabled_at: timeOrNull(disabledAtMs), version: db.raw('version + 1') })
    },
    rename: async (id, username) => {
      try {
        // A transaction of its own: when the name is taken, the one around it goes on.
        return await db.transaction(
          async trx =>
            (await trx('users')
              .where({ id })
              .update({ username, version: trx.raw('version + 1') })) === 1
        )
      } catch (error) {
        if (errorCode(error) === UNIQUE_VIOLATION) return false
        throw error
      }
    },
    remove: async (id, nowMs) => {
      await db.transaction(async trx => {
        await trx('user_roles').where({ user_id: id }).delete()
        await trx('consents').where({ user_id: id }).delete()
        const deletedAt = timeOf(nowMs)
        // In capitals: no normalised name is ever this one.
        const nothing = { username: `DELETED ${id}`, password_hash: '', disabled_at: deletedAt, deleted_at: deletedAt }
        await trx('users')
          .where({ id })
          .update({ ...nothing, version: trx.raw('version + 1') })
      })
    },
    list: async page => {
      const { rows } = await db.raw<{ rows: UserRow[] }>(
        `select ${USER_COLUMNS} from users where deleted_at is null and (?::text is null or username collate "C" > ?)
         order by username collate "C" limit ?`,
        [page?.after ?? null, page?.after ?? '', page?.limit ?? null]
      )
      return rows.map(userOf)
    },
    countByRole: async () => {
      const { rows } = await db.raw<{ rows: Array<{ role: string; users: number }> }>(
        'select role, count(*)::int as users from user_roles group by role order by role'
      )
      return new Map(rows.map(({ role, users }) => [role, users]))
    },
    countOthersWithRole: async (role, id) => {
      await db.raw('select 1 from user_roles where role = ? order by user_id for update', [role])
      // A statement of its own: it sees what the lock has waited for.
      const { rows } = await db.raw<{ rows: Array<{ others: number }> }>(
        `select count(*)::int as others from user_roles join users on users.id = user_roles.user_id
         where role = ? and users.id <> ?::uuid and users.disabled_at is null`,
        [role, id]
      )
      return rows[0]?.others ?? 0
    }
  }
}
