import type { Knex } from 'knex'
import { withConnection } from '../connection.ts'
import type { Rows } from '../seal-pending.ts'

/** Where the push of a trail is. */
export interface PushPlace {
  /** The last sequence that the receiver has; 0 when it has none. */
  readonly through: number
  /** Sealed rows after it, those among them that were pruned included. */
  readonly waiting: number
  /** When the first of them was sealed; `null` when there is none. */
  readonly waitingSince: Date | null
  /** Whether the push was ended by an operator, so that nothing waits for it. */
  readonly hasEnded: boolean
}

/** Who moves the place on. */
export interface PushCursor {
  /** Reads the place, without taking it; `null` where nothing was ever pushed. */
  readonly look: () => Promise<PushPlace | null>
  /** Takes the place for a while; the last sequence that was pushed, `null` when somebody else has it. */
  readonly take: () => Promise<number | null>
  /** Moves the place on, and keeps it; false when somebody else has taken it in the meantime. */
  readonly move: (through: number) => Promise<boolean>
  /** Lets go of it, so that another process need not wait. */
  readonly release: () => Promise<void>
}

/** How a cursor is held. */
export interface PushCursorOptions {
  readonly db: Knex
  /** UUID of this process for as long as it runs. */
  readonly holder: string
  /** How long it is held after the last statement, in ms: longer than sending takes. */
  readonly heldMs: number
  /** Limit of each statement, in ms. */
  readonly timeoutMs: number
}

/**
 * The place in the database. One process has it at a time, by a lease and not by a lock: a lock would keep a connection
 * of the pool, and a transaction, for as long as the receiver takes. Each statement is short, and the time of the
 * database decides.
 */
export function createPushCursor({ db, holder, heldMs, timeoutMs }: PushCursorOptions): PushCursor {
  async function ask<Row>(sql: string, values: Readonly<Record<string, string | number>>): Promise<Row[]> {
    const { rows } = await withConnection(db, timeoutMs, async connection =>
      db.raw<Rows<Row>>(sql, values).connection(connection)
    )
    return rows
  }

  return {
    look: async () => {
      const [row] = await ask<PlaceRow>(LOOK_AT_PLACE, {})
      return row === undefined ? null : placeOfRow(row)
    },
    take: async () => {
      const [row] = await ask<{ through: string }>(TAKE_PLACE, { holder, heldMs })
      return row === undefined ? null : Number(row.through)
    },
    move: async through => (await ask(MOVE_PLACE, { holder, heldMs, through })).length > 0,
    release: async () => {
      await ask('update audit_pushes set holder = null, held_until = null where holder = :holder', { holder })
    }
  }
}

interface PlaceRow {
  readonly through: string
  readonly head: string
  readonly since: Date | null
  readonly ended: boolean
}

function placeOfRow({ through, head, since, ended }: PlaceRow): PushPlace {
  return {
    through: Number(through),
    waiting: Math.max(0, Number(head) - Number(through)),
    waitingSince: since,
    hasEnded: ended
  }
}

const LOOK_AT_PLACE = `
  select through_sequence as through, coalesce((select max(sequence) from audit_seals), 0) as head,
    (select sealed_at from audit_seals where sequence > through_sequence order by sequence limit 1) as since,
    ended_at is not null as ended
  from audit_pushes`

/** The first one makes the row; who takes it up after it was ended goes on where it was. */
const TAKE_PLACE = `
  insert into audit_pushes as p (id, holder, held_until)
  values (1, :holder, now() + make_interval(secs => :heldMs::float8 / 1000))
  on conflict (id) do update set holder = excluded.holder, held_until = excluded.held_until, ended_at = null
    where p.holder is null or p.holder = excluded.holder or p.held_until < now()
  returning through_sequence as through`

const MOVE_PLACE = `
  update audit_pushes set through_sequence = :through, pushed_at = now(),
    held_until = now() + make_interval(secs => :heldMs::float8 / 1000)
  where holder = :holder returning id`

/**
 * Up to which sequence rows may be pruned because the receiver has them; all of them where nothing is pushed, or not
 * any more.
 * @param db any role that may select
 */
export async function pushedThrough(db: Knex): Promise<number> {
  const { rows } = await db.raw<Rows<{ through: string }>>(
    'select through_sequence as through from audit_pushes where ended_at is null'
  )
  return rows[0] === undefined ? Number.MAX_SAFE_INTEGER : Number(rows[0].through)
}
