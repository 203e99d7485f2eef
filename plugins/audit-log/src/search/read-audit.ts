import type { Knex } from 'knex'
import { poolAsItIs, withConnection } from '../connection.ts'
import type { AuditPage, AuditQuery } from '../query.ts'
import type { AuditRecord } from '../record.ts'
import type { Rows } from '../seal-pending.ts'
import { eventConditions, ofOwnIssuer, type RowCondition } from './page-conditions.ts'
import { indexedRows, pageIndexes, queriedTimes, type PageIndex } from './page-index.ts'
import { fewRowsPage, spanPage, walkedPage, type PageAsked } from './page-statement.ts'
import { SPAN_ROWS } from './span-rows.ts'

/** How a page is read. */
export interface ReadingOptions {
  /** Default 5000. */
  readonly timeoutMs?: number
  readonly also?: readonly RowCondition[]
  /** The trail's own issuer, for a query that names it; left out: rows have what it names, or are not found. */
  readonly ownIssuer?: string | undefined
}

/** So many rows of an index are all read and sorted: that is less than looking into one span after the other. */
const FEW_ROWS = 500
/** The same where a page needs more of them than it shows, because other conditions leave rows out. */
const FEW_CONDITIONED_ROWS = 4000
/** So many seals that are left are walked: who follows a trail asks for the last of them. */
const FEW_SEALS = 2 * SPAN_ROWS

/**
 * Reads one page of sealed rows. Fields that the version of a row does not have are `null`, and 1 for `repeats`. Rows
 * are in the order of their sequences; what they are found by are indexes in the order of time, and the times between
 * which the rows of each span of sequences occurred.
 */
export async function readAudit(
  given: Knex,
  query: AuditQuery,
  { timeoutMs = 5000, also = [], ownIssuer }: ReadingOptions = {}
): Promise<AuditPage> {
  const db = poolAsItIs(given)
  const asked = pageAsked(query, also, ownIssuer)
  const rows = await withConnection(db, timeoutMs, async connection => {
    // What is asked by other conditions has its own indexes, and the planner weighs them.
    if (also.length > 0 || eventConditions(asked.query, asked.also).length === 0) {
      const { sql, values } = walkedPage(asked)
      return (await db.raw<Rows<PageRow>>(sql, [...values]).connection(connection)).rows
    }
    return await db.transaction(
      async trx => {
        await setPlannerForRows(trx)
        return await readFilteredPage(trx, asked)
      },
      { connection, isolationLevel: 'repeatable read', readOnly: true }
    )
  })
  const events = rows.slice(0, query.limit).map(row => ({ ...row, sequence: Number(row.sequence) }))
  return { events, next: rows.length > query.limit ? (events.at(-1)?.sequence ?? null) : null }
}

/** The trail's own issuer is no value of a column alone, so it is a condition of its own. */
function pageAsked(query: AuditQuery, also: readonly RowCondition[], ownIssuer: string | undefined): PageAsked {
  const { issuer, limit, ...others } = query
  const most = limit + 1
  if (issuer === undefined || issuer !== ownIssuer) return { query, also, most }
  return { query: { ...others, limit }, also: [...also, ofOwnIssuer(issuer)], most }
}

type PageRow = AuditRecord & { sequence: string; chainHash: string }

const ROW_SETTINGS = [
  'enable_seqscan',
  'enable_bitmapscan',
  'enable_hashjoin',
  'enable_mergejoin',
  'enable_material',
  'enable_memoize',
  'jit'
]
  .map(name => `set_config('${name}', 'off', true)`)
  .join(', ')

/**
 * For a transaction whose statements have one good plan, by indexes and a row at a time. A planner without good
 * statistics may think that reading a whole table is cheaper.
 */
export async function setPlannerForRows(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`select ${ROW_SETTINGS}`)
}

/** The first sequence whose row is there and did not occur before a time; `null` when there is none. */
export async function firstSealedFrom(trx: Knex.Transaction, from: Date): Promise<number | null> {
  const [row] = await readFilteredPage(trx, { query: { order: 'oldest', limit: 1, from }, also: [], most: 1 })
  return row === undefined ? null : Number(row.sequence)
}

/** Reads a page in the way that looks at the fewest rows. */
async function readFilteredPage(trx: Knex.Transaction, asked: PageAsked): Promise<PageRow[]> {
  const few = fewRows(asked)
  const { sealsLeft, spans, ways } = await measureWays(trx, asked.query, few)
  const [first, ...others] = ways
  const best = others.reduce<MeasuredWay | null>(
    (one, other) => (one === null || other.rows < one.rows ? other : one),
    first ?? null
  )
  const run = async ({ sql, values }: RowCondition): Promise<PageRow[]> =>
    (await trx.raw<Rows<PageRow>>(sql, [...values])).rows
  const isFew = best !== null && best.rows <= few
  if (sealsLeft <= (isFew ? best.rows : FEW_SEALS)) return await run(walkedPage(asked))
  if (isFew) return await run(fewRowsPage(asked, best.index, few))
  const isByTime = best === null || best.index.filter === null
  return await run(spanPage(asked, { spans, index: isByTime ? null : best.index, edge: best?.edge ?? null }))
}

function fewRows({ query, also }: PageAsked): number {
  const inTime = [query.from, query.until].filter(time => time !== undefined).length
  return eventConditions(query, also).length > inTime + 1 ? FEW_CONDITIONED_ROWS : FEW_ROWS
}

/** A way to the rows, with what it costs. */
interface MeasuredWay {
  readonly index: PageIndex
  /** One more than few for all that are more. */
  readonly rows: number
  /** The time at which its rows begin, in the order of the query. */
  readonly edge: string | null
}

async function measureWays(
  trx: Knex.Transaction,
  query: AuditQuery,
  few: number
): Promise<{ readonly sealsLeft: number; readonly spans: number; readonly ways: MeasuredWay[] }> {
  const indexes = pageIndexes(query)
  const edge = query.order === 'newest' ? 'max' : 'min'
  const counts = indexes.map(index => indexedRows(index, queriedTimes(query), query.order))
  const counted = counts.map(
    ({ sql }, place) => `, (select json_build_object('rows', count(*), 'edge', ${edge}(c.occurred_at))
      from (select e.occurred_at from ${sql} limit ${few + 1}) c) as way${place}`
  )
  const { rows } = await trx.raw<Rows<Readonly<Record<string, unknown>>>>(
    `select (select max(sequence) from audit_seals) as newest, (select max(number) + 1 from audit_spans) as spans
      ${counted.join('')}`,
    counts.flatMap(({ values }) => values)
  )
  const [found = {}] = rows
  const { after, order } = query
  const newest = Number(found.newest ?? 0)
  const sealsLeft = order === 'newest' ? Math.min(newest, (after ?? Infinity) - 1) : newest - (after ?? 0)
  return {
    sealsLeft,
    spans: Number(found.spans ?? 0),
    ways: indexes.map((index, place) => wayOf(index, found[`way${place}`]))
  }
}

function wayOf(index: PageIndex, measured: unknown): MeasuredWay {
  const { rows, edge } = measured as { readonly rows: number; readonly edge: string | null }
  return { index, rows, edge }
}
