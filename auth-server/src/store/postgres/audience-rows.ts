import type { Knex } from 'knex'
import type { AudienceStore } from '../contract.ts'
import type { Audience } from '../records.ts'
import { groupReads } from './group-reads.ts'
import { millisecondsOrNull, timeOrNull } from './time.ts'

/** Any number: what holds it is that all instances use the same. */
const REGISTRY_LOCK = 7_301_020

interface AudienceRow {
  readonly name: string
  readonly description: string
  readonly version: number
  readonly disabled_at: Date | null
}

const audienceFromRow = ({ disabled_at: disabledAt, ...row }: AudienceRow): Audience => ({
  ...row,
  disabledAtMs: millisecondsOrNull(disabledAt)
})

const audienceRow = ({ disabledAtMs, ...audience }: Audience): Record<string, unknown> => ({
  ...audience,
  disabled_at: timeOrNull(disabledAtMs)
})

const BY_NAME = 'select * from audiences where name = any(?)'

/** Audiences on PostgreSQL. */
export function audienceStore(db: Knex): AudienceStore {
  const find = groupReads(db, async (names: readonly string[]) => {
    const { rows } = await db
      .raw<{ rows: AudienceRow[] }>(BY_NAME, [[...new Set(names)]])
      .options({ name: 'sallyport-audiences' })
    const found = new Map(rows.map(row => [row.name, audienceFromRow(row)]))
    return (name: string) => found.get(name) ?? null
  })
  return {
    find,
    create: async audience => {
      const inserted = await db('audiences').insert(audienceRow(audience)).onConflict('name').ignore().returning('name')
      return inserted.length > 0
    },
    replace: async audience => {
      await db('audiences').where({ name: audience.name }).update(audienceRow(audience))
    },
    remove: async name => {
      await db('audiences').where({ name }).delete()
    },
    list: async () => (await db<AudienceRow>('audiences').orderBy('name')).map(audienceFromRow),
    lockRegistry: async () => {
      await db.raw('select pg_advisory_xact_lock(?)', [REGISTRY_LOCK])
    }
  }
}
