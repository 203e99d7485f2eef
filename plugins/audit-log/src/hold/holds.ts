import { randomUUID } from 'node:crypto'
import type { JsonValue } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { poolAsItIs } from '../connection.ts'
import type { RecordedVersions } from '../build-record.ts'
import type { TrailPerson } from '../privacy/trail-person.ts'
import { pruningRecord } from '../pruning-mark.ts'
import { FILTER_NAMES, parseAuditQuery } from '../query.ts'
import { CURRENT_VERSION } from '../record.ts'
import type { Rows } from '../seal-pending.ts'
import { STATING_ACTIONS } from '../stating-rows.ts'
import { insertRecords } from '../store.ts'

/** A legal hold: rows that are not pruned, and persons who are not erased, until it is released. */
export interface LegalHold {
  /** Names the matter; one live hold has it. */
  readonly name: string
  /** Which rows, by fields and times of a query; what comes later is under it too. */
  readonly filter: Readonly<Record<string, string>>
  /** The issuer of the filter is the trail's own: rows without an issuer are under it too. */
  readonly overOwnIssuer: boolean
  /** UTC. */
  readonly placedAt: Date
}

/** Who does it, and where that is recorded. */
export interface HoldContext {
  /** Name of the job in the row. */
  readonly process: string
  /** More for the row: who, and why. */
  readonly detail?: Readonly<Record<string, JsonValue>>
  /** Limit of each statement, in ms. */
  readonly timeoutMs: number
  /** Which release and configuration did it, for its rows. */
  readonly versions?: RecordedVersions | undefined
  /** The trail's own issuer: a hold over an issuer has to know whether it is this one. */
  readonly ownIssuer?: string | undefined
}

/** Whoever changes holds has it, and whoever prunes: neither changes under the other. */
export const HOLD_LOCK = "select pg_advisory_xact_lock(hashtext('sallyport-audit-hold'))"

/**
 * Places a hold, with the row that says so.
 * @param given pool of the app role
 * @param filter as in the query of the audit route: `subject`, `issuer`, `resourceId`, `from`, `until` …; not empty
 * @throws {AuditQueryInvalidError} `SALLYPORT_AUDIT_QUERY_INVALID` for a filter that is none
 */
export async function placeHold(
  given: Knex,
  { name, filter }: Pick<LegalHold, 'name' | 'filter'>,
  { process, detail, timeoutMs, ownIssuer, versions }: HoldContext
): Promise<void> {
  const db = poolAsItIs(given)
  parseAuditQuery(filter)
  const names = Object.keys(filter)
  if (names.length === 0) throw new Error('a hold needs a field or a time')
  const other = names.find(each => each !== 'from' && each !== 'until' && !FILTER_NAMES.some(known => known === each))
  if (other !== undefined) throw new Error(`rows cannot be held by ${other}`)
  if (filter.issuer !== undefined && ownIssuer === undefined) {
    throw new Error('a hold over an issuer has to know which one is the own of the trail')
  }
  const overOwnIssuer = filter.issuer !== undefined && filter.issuer === ownIssuer
  await db.transaction(async trx => {
    await trx.raw(HOLD_LOCK)
    if ((await liveHold(trx, name)) !== null) throw new Error(`there is a hold ${name} already`)
    const said = { ...detail, name, filter, overOwnIssuer }
    const record = pruningRecord(CURRENT_VERSION, process, STATING_ACTIONS.hold, said, versions)
    await insertRecords(trx, [record], timeoutMs)
    await trx('audit_holds').insert({
      id: randomUUID(),
      name,
      filter: JSON.stringify(filter),
      over_own_issuer: overOwnIssuer,
      event_id: record.id
    })
  })
}

/**
 * Releases a hold, with the row that says so.
 * @param given pool of the app role
 */
export async function releaseHold(
  given: Knex,
  name: string,
  { process, detail, timeoutMs, versions }: HoldContext
): Promise<void> {
  const db = poolAsItIs(given)
  await db.transaction(async trx => {
    await trx.raw(HOLD_LOCK)
    const id = await liveHold(trx, name)
    if (id === null) throw new Error(`there is no hold ${name}`)
    const record = pruningRecord(CURRENT_VERSION, process, STATING_ACTIONS.release, { ...detail, name }, versions)
    await insertRecords(trx, [record], timeoutMs)
    await trx('audit_hold_releases').insert({ hold_id: id, event_id: record.id })
  })
}

/** Of a hold `h`: nobody has released it. */
export const IS_LIVE_HOLD = 'not exists (select from audit_hold_releases r where r.hold_id = h.id)'

/** Holds that are not released, the oldest first. @param given any role that may select */
export async function listHolds(given: Knex): Promise<LegalHold[]> {
  const db = poolAsItIs(given)
  const { rows } = await db.raw<Rows<LegalHold>>(
    `select name, filter, over_own_issuer as "overOwnIssuer", placed_at as "placedAt"
    from audit_holds h where ${IS_LIVE_HOLD} order by placed_at, name`
  )
  return rows
}

/**
 * Names of holds that rows of this person may be under: while there is one, nobody erases the person.
 * @param db any role that may select
 */
export async function holdsOverPerson(db: Knex, { subject, issuer }: TrailPerson): Promise<string[]> {
  return (await listHolds(db))
    .filter(({ filter }) => filter.subject === undefined || filter.subject === subject)
    .filter(
      ({ filter, overOwnIssuer }) =>
        filter.issuer === undefined || (issuer === null ? overOwnIssuer : filter.issuer === issuer)
    )
    .map(({ name }) => name)
}

async function liveHold(trx: Knex.Transaction, name: string): Promise<string | null> {
  const { rows } = await trx.raw<Rows<{ id: string }>>(
    `select id from audit_holds h where name = ? and ${IS_LIVE_HOLD}`,
    [name]
  )
  return rows[0]?.id ?? null
}
