import type { Knex } from 'knex'
import type { RoleStore } from '../contract.ts'
import type { Role } from '../records.ts'
import { millisecondsOrNull, timeOrNull } from './time.ts'

interface RoleRow {
  readonly name: string
  readonly descriptions: Readonly<Record<string, string>>
  readonly version: number
  readonly disabled_at: Date | null
}

const roleFromRow = ({ disabled_at: disabledAt, ...row }: RoleRow): Role => ({
  ...row,
  disabledAtMs: millisecondsOrNull(disabledAt)
})

const roleRow = ({ disabledAtMs, descriptions, ...role }: Role): Record<string, unknown> => ({
  ...role,
  descriptions: JSON.stringify(descriptions),
  disabled_at: timeOrNull(disabledAtMs)
})

/** Roles on PostgreSQL. */
export function roleStore(db: Knex): RoleStore {
  return {
    find: async name => {
      const row = await db<RoleRow>('roles').where({ name }).first()
      return row === undefined ? null : roleFromRow(row)
    },
    create: async role =>
      (await db('roles').insert(roleRow(role)).onConflict('name').ignore().returning('name')).length > 0,
    replace: async role => {
      await db('roles').where({ name: role.name }).update(roleRow(role))
    },
    remove: async name => {
      await db('roles').where({ name }).delete()
    },
    list: async () => (await db<RoleRow>('roles').orderByRaw('name collate "C"')).map(roleFromRow)
  }
}
