import { setTimeout as delay } from 'node:timers/promises'
import type { Knex } from 'knex'
import { FILTER_NAMES, parseAuditQuery, readAudit, type AuditQuery } from '../query.ts'
import { EXIT, type AuditTerminal } from './audit-terminal.ts'
import { recordReading } from './record-reading.ts'
import { showRow } from './show-row.ts'

/** Options of a call, by their names without dashes. */
export type CommandOptions = Readonly<Record<string, string | boolean | undefined>>

/** The flag of each filter: `--resource-type` for `resourceType`. */
export const FILTER_FLAGS: ReadonlyMap<string, (typeof FILTER_NAMES)[number]> = new Map(
  FILTER_NAMES.map(name => [name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`), name])
)
const PAGE_ROWS = 500
const TAIL_INTERVAL_MS = 1000

/** The query that the flags of a call make; the flags of a range are named as in the query. */
function queryOf(options: CommandOptions): AuditQuery {
  const named = Object.entries(options).map(([flag, value]) => [FILTER_FLAGS.get(flag) ?? flag, value] as const)
  const asked = named.filter(([name]) =>
    ['from', 'until', 'order', 'after', ...FILTER_NAMES].some(each => each === name)
  )
  return parseAuditQuery(Object.fromEntries(asked))
}

/** `search`: rows that match, page after page, until as many as asked for are shown. */
export async function searchTrail(db: Knex, options: CommandOptions, terminal: AuditTerminal): Promise<number> {
  const query = queryOf(options)
  let left = options.all === true ? Infinity : Number(options.limit ?? 100)
  await recordReading(db, 'search', options)
  let after = query.after
  while (left > 0 && terminal.signal?.aborted !== true) {
    const limit = Math.min(left, PAGE_ROWS)
    const page = await readAudit(db, { ...query, limit, ...(after !== undefined && { after }) }, PATIENT_READING)
    for (const row of page.events) await terminal.out(showRow(row, options.json === true))
    left -= page.events.length
    if (page.next === null) return EXIT.done
    after = page.next
  }
  terminal.error(`there are more rows: --after ${after}\n`)
  return EXIT.done
}

/** `tail`: the last rows, then those that are sealed while it runs, until it is interrupted. */
export async function tailTrail(db: Knex, options: CommandOptions, terminal: AuditTerminal): Promise<number> {
  const query = queryOf(options)
  await recordReading(db, 'tail', options)
  const last = await readAudit(db, { ...query, order: 'newest', limit: Number(options.lines ?? 10) }, PATIENT_READING)
  const rows = last.events.toReversed()
  let [after] = last.events.map(({ sequence }) => sequence)
  for (const row of rows) await terminal.out(showRow(row, options.json === true))
  after ??= (await readAudit(db, { order: 'newest', limit: 1 }, PATIENT_READING)).events[0]?.sequence ?? 0
  while (terminal.signal?.aborted !== true) {
    const page = await readAudit(db, { ...query, order: 'oldest', limit: PAGE_ROWS, after }, PATIENT_READING)
    for (const row of page.events) await terminal.out(showRow(row, options.json === true))
    after = page.events.at(-1)?.sequence ?? after
    if (page.next === null) await delay(TAIL_INTERVAL_MS, undefined, { signal: terminal.signal }).catch(() => {})
  }
  return EXIT.done
}

/** A person waits: longer than a request may. */
const PATIENT_READING = { timeoutMs: 60_000 }
