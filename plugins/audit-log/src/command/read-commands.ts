import { setTimeout as delay } from 'node:timers/promises'
import type { Knex } from 'knex'
import { concealPersonal } from '../privacy/read-personal.ts'
import { parsePersonalQuery, readPersonalAudit, type PersonalQuery } from '../privacy/search-personal.ts'
import { FILTER_NAMES, parseAuditQuery, type AuditPage, type AuditQuery } from '../query.ts'
import { readHead } from '../seal-pending.ts'
import { readAudit, type ReadingOptions } from '../search/read-audit.ts'
import { AuditUsageError, EXIT, type AuditTerminal } from './audit-terminal.ts'
import type { CommandEnvironment } from './open-trail.ts'
import { recordReading } from './record-reading.ts'
import { showRow } from './show-row.ts'
import { commandIssuer } from './trail-environment.ts'
import { readTrailSecrets, type TrailSecrets } from './trail-secrets.ts'

/** Options of a call, by their names without dashes. */
export type CommandOptions = Readonly<Record<string, string | boolean | undefined>>

/** The flag of each filter: `--resource-type` for `resourceType`. */
export const FILTER_FLAGS: ReadonlyMap<string, (typeof FILTER_NAMES)[number]> = new Map(
  FILTER_NAMES.map(name => [name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`), name])
)
const PAGE_ROWS = 500
const TAIL_INTERVAL_MS = 1000

/** The members of a query that the flags of a call make; the flags of a range are named as in the query. */
export function askedFor(options: CommandOptions): Readonly<Record<string, string | boolean | undefined>> {
  const named = Object.entries(options).map(([flag, value]) => [FILTER_FLAGS.get(flag) ?? flag, value] as const)
  return Object.fromEntries(
    named.filter(([name]) => ['from', 'until', 'order', 'after', ...FILTER_NAMES].some(each => each === name))
  )
}

/** The query of somebody who reads personal values; `null` where the call does not ask for any. */
function personalQueryOf(options: CommandOptions): PersonalQuery | null {
  const { name, 'source-address': sourceAddress, personal } = options
  if (personal !== true && (name !== undefined || sourceAddress !== undefined)) {
    throw new AuditUsageError('--name and --source-address need --personal')
  }
  return personal === true ? parsePersonalQuery({ ...askedFor(options), name, sourceAddress }) : null
}

/** `search`: rows that match, page after page, until as many as asked for are shown. */
export async function searchTrail(
  db: Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const secrets = { ...readTrailSecrets(environment), ownIssuer: commandIssuer(options, environment) }
  const personal = personalQueryOf(options)
  const query = personal ?? parseAuditQuery(askedFor(options))
  let left = options.all === true ? Infinity : Number(options.limit ?? 100)
  const action = personal === null ? 'audit.read' : 'audit.read-personal'
  await recordReading(db, 'search', options, { secrets, action })
  let after = query.after
  while (left > 0 && terminal.signal?.aborted !== true) {
    const part = { ...query, limit: Math.min(left, PAGE_ROWS), ...(after !== undefined && { after }) }
    const page =
      personal === null
        ? await readConcealed(db, part, secrets)
        : await readPersonalAudit(db, part, { ...secrets, ...PATIENT_READING })
    for (const row of page.events) await terminal.out(showRow(row, options.json === true))
    left -= page.events.length
    if (page.next === null) return EXIT.done
    after = page.next
  }
  terminal.error(`there are more rows: --after ${after}\n`)
  return EXIT.done
}

/** `tail`: the last rows, then those that are sealed while it runs, until it is interrupted. */
export async function tailTrail(
  db: Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const secrets = { ...readTrailSecrets(environment), ownIssuer: commandIssuer(options, environment) }
  const query = parseAuditQuery(askedFor(options))
  await recordReading(db, 'tail', options, { secrets })
  // Read before the rows: what is sealed in between is shown too.
  const head = await readHead(db)
  const last = await readConcealed(db, { ...query, order: 'newest', limit: Number(options.lines ?? 10) }, secrets)
  const rows = last.events.toReversed()
  let after = last.events[0]?.sequence ?? head.sequence
  for (const row of rows) await terminal.out(showRow(row, options.json === true))
  while (terminal.signal?.aborted !== true) {
    const page = await readConcealed(db, { ...query, order: 'oldest', limit: PAGE_ROWS, after }, secrets)
    for (const row of page.events) await terminal.out(showRow(row, options.json === true))
    after = page.events.at(-1)?.sequence ?? after
    if (page.next === null) await delay(TAIL_INTERVAL_MS, undefined, { signal: terminal.signal }).catch(() => {})
  }
  return EXIT.done
}

type ReadingSecrets = TrailSecrets & Pick<ReadingOptions, 'ownIssuer'>

/** Rows of earlier versions have personal values in clear. */
async function readConcealed(db: Knex, query: AuditQuery, secrets: ReadingSecrets): Promise<AuditPage> {
  const page = await readAudit(db, query, { ...PATIENT_READING, ownIssuer: secrets.ownIssuer })
  return { ...page, events: page.events.map(row => concealPersonal(row, secrets)) }
}

/** A person waits: longer than a request may. */
const PATIENT_READING = { timeoutMs: 60_000 }
