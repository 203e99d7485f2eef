import { setTimeout as delay } from 'node:timers/promises'
import type { RingKey } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { poolAsItIs } from '../connection.ts'
import { buildRecord, type RecordedVersions } from '../build-record.ts'
import { cleanOptional, cleanText } from '../clean.ts'
import { auditTime } from '../record.ts'
import type { Rows } from '../seal-pending.ts'
import { STATING_ACTIONS } from '../stating-rows.ts'
import { insertRecords } from '../store.ts'
import { holdsOverPerson } from '../hold/holds.ts'
import { keepErasure, readKeptErasures } from './erasure-file.ts'
import { fieldClasses } from './field-class.ts'
import { createJoinHash } from './join-hash.ts'
import { ERASED_NOW_TEXT, erasuresDigest, type StatedErasure } from './stated-erasure.ts'
import { personColumns, personIssuer, type TrailPerson } from './trail-person.ts'

/** Where an erasure is done and remembered. */
export interface ErasingOptions {
  /** The list of erasures outside the database, which a restore needs. */
  readonly file: string
  /** Authenticate the lines of the list: the keys that wrap those of persons. */
  readonly keys?: readonly { readonly id: string; readonly key: Uint8Array }[]
  /** Name of this job in its rows. Default `audit-eraser`. */
  readonly process?: string
  /** Which release and configuration did it, for its rows. */
  readonly versions?: RecordedVersions | undefined
  /** Limit of each statement, default 5000. */
  readonly timeoutMs?: number
}

/** Who is erased, and why. */
export interface ErasureRequest extends ErasingOptions {
  readonly subject: string
  /** Of the subject; left out: the trail's own. */
  readonly issuer?: string | undefined
  /** The trail's own issuer; needed where an issuer is named, which may be this one. */
  readonly ownIssuer?: string | undefined
  /** Why, for the row that says so. */
  readonly ground: string
  /** Who asked for it. */
  readonly operator: string
  /** How long transactions that may have made a key meanwhile are waited for, default 30 000. */
  readonly settleMs?: number
  readonly onProgress?: (step: string) => void
}

/** What an erasure did. */
export interface ErasureResult {
  /** Keys that were destroyed. */
  readonly keys: number
  /** The person was erased before, and nothing was left to destroy. */
  readonly alreadyErased: boolean
  /** Rows of earlier versions, which have addresses and names in clear: only pruning removes them. */
  readonly clearRows: number
  /**
   * Rows of a person of another issuer that are sealed under the key which a person of the own issuer with the same
   * subject has: earlier releases told persons by the subject alone. Erasing that person makes them unreadable.
   */
  readonly sharedRows: number
  /** Other issuers at which this subject is a person with keys: these persons stay. */
  readonly otherIssuers: readonly string[]
  /** No transaction that began before can still bring a key of the person. */
  readonly settled: boolean
}

/**
 * Destroys the keys of a person, so that nobody can read any more what rows, exports and spilled rows say of him or
 * her; the rows and their hashes stay. It is written down outside the database first, since a backup that is restored
 * has the keys again. Can be repeated. Rejects while a legal hold may cover rows of the person.
 * @param given pool of the pruner role
 */
export async function erasePerson(given: Knex, request: ErasureRequest): Promise<ErasureResult> {
  const db = poolAsItIs(given)
  const { file, onProgress = () => {}, timeoutMs = 5000 } = request
  const person = requestedPerson(request)
  const holds = await holdsOverPerson(db, person)
  if (holds.length > 0) throw new Error(`rows of this person are under a legal hold: ${holds.join(', ')}`)
  const owner = personColumns(person)
  const known = await db('audit_person_keys').where(owner).pluck<string[]>('id').timeout(timeoutMs)
  const left = await leftOf(db, person, request)
  const last = await db('audit_erasures').where(owner).first<{ id: string } | undefined>('id').timeout(timeoutMs)
  if (known.length === 0 && last !== undefined) return { keys: 0, alreadyErased: true, ...left, settled: true }
  onProgress(`${known.length} keys found`)
  await keepErasure(file, { ...person, keys: known, at: new Date().toISOString() }, erasureRing(request))
  onProgress('written down outside the database')
  const { keys, transaction } = await db.transaction(async trx => await destroyKeys(trx, person, request))
  onProgress(`${keys} keys destroyed`)
  const settled = await waitForEarlier(db, transaction, request.settleMs ?? 30_000)
  const late = settled ? await destroyLate(db, owner, timeoutMs) : 0
  return { keys: keys + late, alreadyErased: false, ...left, settled }
}

/** The person, as rows have it. */
function requestedPerson({ subject, issuer, ownIssuer }: ErasureRequest): TrailPerson {
  if (issuer !== undefined && ownIssuer === undefined) {
    throw new Error('whether the issuer is the own of the trail has to be known')
  }
  return { subject: cleanText(subject), issuer: personIssuer(cleanOptional(issuer), ownIssuer) }
}

/** What is left of a person when its keys are gone, and who is somebody else. */
async function leftOf(
  db: Knex,
  { subject, issuer }: TrailPerson,
  { ownIssuer, timeoutMs = 5000 }: ErasureRequest
): Promise<Pick<ErasureResult, 'clearRows' | 'sharedRows' | 'otherIssuers'>> {
  const ofIssuer = issuer ?? ownIssuer
  const clear = db('audit_events').where({ subject }).where('version', '<', 3)
  if (ofIssuer !== undefined) {
    void clear.where(rows =>
      issuer === null ? rows.where({ issuer: ofIssuer }).orWhereNull('issuer') : rows.where({ issuer })
    )
  }
  const [inClear] = await clear.count<{ count: string }[]>('* as count').timeout(timeoutMs)
  const others = await db('audit_person_keys')
    .distinct('issuer')
    .where({ issuer_subject: subject })
    .whereNotNull('issuer')
    .pluck<string[]>('issuer')
    .timeout(timeoutMs)
  return {
    clearRows: Number(inClear?.count ?? 0),
    sharedRows: issuer === null ? 0 : await sharedRowsOf(db, { subject, issuer }, timeoutMs),
    otherIssuers: others.filter(other => other !== issuer)
  }
}

async function sharedRowsOf(db: Knex, { subject, issuer }: TrailPerson, timeoutMs: number): Promise<number> {
  const { rows } = await db
    .raw<Rows<{ count: string }>>(
      `select count(*) as count from audit_events where subject = :subject and issuer = :issuer
        and split_part(sealed, ':', 1) in (select id::text from audit_person_keys where subject = :subject)`,
      { subject, issuer: issuer ?? '' }
    )
    .timeout(timeoutMs)
  return Number(rows[0]?.count ?? 0)
}

async function destroyKeys(
  trx: Knex.Transaction,
  person: TrailPerson,
  { ground, operator, process = 'audit-eraser', timeoutMs = 5000, versions }: ErasureRequest
): Promise<{ keys: number; transaction: string }> {
  const { subject, issuer } = person
  const owner = personColumns(person)
  const keys = await trx('audit_person_keys').where(owner).delete().timeout(timeoutMs)
  const {
    rows: [clock]
  } = await trx.raw<Rows<{ now: string }>>(`select ${ERASED_NOW_TEXT} as now`)
  const erasedAt = clock?.now ?? ''
  const event = {
    action: STATING_ACTIONS.erase,
    outcome: 'success',
    resource: { type: 'person', id: subject },
    detail: { ground, operator, keys, ...(issuer !== null && { issuer }), erasedAt }
  } as const
  const record = buildRecord(event, { ...OUTSIDE_REQUESTS, process, now: new Date(), versions })
  await insertRecords(trx, [record], timeoutMs)
  await trx('audit_erasures')
    .insert({ ...owner, erased_at: erasedAt, event_id: record.id })
    .timeout(timeoutMs)
  const {
    rows: [row]
  } = await trx.raw<Rows<{ id: string }>>('select pg_current_xact_id()::text as id')
  return { keys, transaction: row?.id ?? '0' }
}

/** A transaction that had begun may have made a key that nobody saw yet. */
async function waitForEarlier(db: Knex, transaction: string, settleMs: number): Promise<boolean> {
  const until = performance.now() + settleMs
  for (;;) {
    const {
      rows: [row]
    } = await db.raw<Rows<{ over: boolean }>>('select pg_snapshot_xmin(pg_current_snapshot()) > ?::xid8 as over', [
      transaction
    ])
    if (row?.over === true) return true
    if (performance.now() >= until) return false
    await delay(SETTLING_STEP_MS)
  }
}

const SETTLING_STEP_MS = 100

async function destroyLate(db: Knex, owner: Record<string, string>, timeoutMs: number): Promise<number> {
  return await db('audit_person_keys')
    .where(owner)
    .where('created_at', '<=', db('audit_erasures').max('erased_at').where(owner))
    .delete()
    .timeout(timeoutMs)
}

/** What was applied again. */
export interface ReappliedErasures {
  readonly erasures: number
  /** Keys that the backup had brought back. */
  readonly keys: number
}

/**
 * Applies every erasure of the list again, after a backup was restored that has the keys of persons erased since. Can
 * be repeated: what is destroyed already stays so.
 * @param given pool of the pruner role
 */
export async function reapplyErasures(given: Knex, options: ErasingOptions): Promise<ReappliedErasures> {
  const db = poolAsItIs(given)
  const { file, process = 'audit-eraser', timeoutMs = 5000, versions } = options
  const erasures = await readKeptErasures(file, erasureRing(options))
  if (erasures.length === 0) return { erasures: 0, keys: 0 }
  return await db.transaction(async trx => {
    let keys = 0
    const missing: StatedErasure[] = []
    for (const { keys: ids, at, ...person } of erasures) {
      const owner = personColumns(person)
      keys += await trx('audit_person_keys')
        .where(chosen =>
          chosen
            .whereIn('id', [...ids])
            .orWhere(owner)
            .where('created_at', '<=', at)
        )
        .where(owner)
        .delete()
        .timeout(timeoutMs)
      const known = await trx('audit_erasures').where(owner).where('erased_at', '>=', at).first('id')
      if (known === undefined) missing.push({ ...person, erasedAt: auditTime(new Date(at)) })
    }
    const detail = { erasures: erasures.length, added: missing.length, digest: erasuresDigest(missing) }
    const event = { action: STATING_ACTIONS.eraseAgain, outcome: 'success', reason: 'restored', detail } as const
    const record = buildRecord(event, { ...OUTSIDE_REQUESTS, process, now: new Date(), versions })
    for (const { erasedAt, ...person } of missing) {
      await trx('audit_erasures')
        .insert({ ...personColumns(person), erased_at: erasedAt, event_id: record.id })
        .timeout(timeoutMs)
    }
    await insertRecords(trx, [record], timeoutMs)
    return { erasures: erasures.length, keys }
  })
}

const OUTSIDE_REQUESTS = { principal: null, classify: fieldClasses(), joinHash: createJoinHash() } as const

function erasureRing({ keys = [] }: ErasingOptions): RingKey[] {
  return keys.map(({ id, key }) => ({ id, key: Buffer.from(key) }))
}
