import type { Knex } from 'knex'
import { poolAsItIs } from '../connection.ts'
import { AuditQueryInvalidError } from '../errors.ts'
import { LONGEST_AUDIT_VALUE, parseAuditQuery, type AuditPage, type AuditQuery, type SealedRecord } from '../query.ts'
import type { RowCondition } from '../search/page-conditions.ts'
import { readAudit } from '../search/read-audit.ts'
import { isKeyedHash, type JoinHash } from './join-hash.ts'
import { statementsOf } from './key-rows.ts'
import { readPersonal, type PersonalReading, type PersonalRow } from './read-personal.ts'

/** A query of somebody who may read what rows say of persons. */
export interface PersonalQuery extends AuditQuery {
  /** Account name as it was tried; all spellings are found. */
  readonly name?: string
  readonly sourceAddress?: string
}

/** A page of rows with what they say of persons. */
export interface PersonalPage extends Omit<AuditPage, 'events'> {
  readonly events: readonly PersonalRow<SealedRecord>[]
}

/** What a search by name or address needs beside the database. */
export interface PersonalSearch extends PersonalReading {
  readonly joinHash: JoinHash
  /** The trail's own issuer, for a query that names it. */
  readonly ownIssuer?: string | undefined
}

/**
 * Parses the query of a reader of personal values: as `parseAuditQuery`, and with `name` and `sourceAddress`.
 * @throws {AuditQueryInvalidError} `SALLYPORT_AUDIT_QUERY_INVALID`
 */
export function parsePersonalQuery(query: unknown): PersonalQuery {
  const { name, sourceAddress, ...rest } = { ...(query as Readonly<Record<string, unknown>>) }
  return {
    ...parseAuditQuery(rest),
    ...(name !== undefined && { name: personalText('name', name) }),
    ...(sourceAddress !== undefined && { sourceAddress: personalText('sourceAddress', sourceAddress) })
  }
}

function personalText(parameter: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= LONGEST_AUDIT_VALUE && !value.includes('\0')) {
    return value
  }
  throw new AuditQueryInvalidError(parameter)
}

/**
 * Reads one page as `readAudit` does, in clear. Names and addresses are found by their hashes under every key of the
 * ring, and, in rows before version 3, as they stand there. Whoever calls this records it first.
 */
export async function readPersonalAudit(
  given: Knex,
  { name, sourceAddress, ...query }: PersonalQuery,
  { joinHash, keys = [], timeoutMs = 5000, ownIssuer }: PersonalSearch
): Promise<PersonalPage> {
  const db = poolAsItIs(given)
  const also: RowCondition[] = []
  if (name !== undefined) also.push(await nameCondition(db, name, joinHash, timeoutMs))
  if (sourceAddress !== undefined) also.push(await addressCondition(db, sourceAddress, joinHash, timeoutMs))
  const page = await readAudit(db, query, { timeoutMs, also, ownIssuer })
  return { ...page, events: await readPersonal(db, page.events, { keys, timeoutMs }) }
}

async function nameCondition(db: Knex, name: string, joinHash: JoinHash, timeoutMs: number): Promise<RowCondition> {
  const hashes = isKeyedHash(name) ? [name] : [...joinHash.nameHashes(name)]
  const tagged = await taggedCondition(db, 'name_tag', joinHash.lookups('nameTried', name), timeoutMs)
  return {
    sql: `(${tagged.sql} or e.name_tried = any(?::text[]) or (e.version < 3 and e.name_tried = ?))`,
    values: [...tagged.values, hashes, name]
  }
}

async function addressCondition(db: Knex, value: string, joinHash: JoinHash, timeoutMs: number): Promise<RowCondition> {
  const tagged = await taggedCondition(db, 'source_tag', joinHash.lookups('sourceAddress', value), timeoutMs)
  return {
    sql: `(${tagged.sql} or (e.version < 3 and e.source_address = ?))`,
    values: [...tagged.values, value]
  }
}

interface TagRow {
  readonly tag: string
  readonly subject: string | null
  readonly day: string | null
}

/** The rows that have a tag. Their subjects and days are named too: these have indexes, tags have none. */
async function taggedCondition(
  db: Knex,
  column: 'name_tag' | 'source_tag',
  tokens: readonly string[],
  timeoutMs: number
): Promise<RowCondition> {
  const found = await statementsOf(db, timeoutMs).run<TagRow>(
    `select distinct l.tag, coalesce(k.subject, k.issuer_subject) as subject, k.day::text as day
    from audit_lookups l join audit_person_keys k on k.id = l.key_id where l.token = any(:tokens::text[])`,
    { tokens }
  )
  const days = found.flatMap(({ day }) => (day === null ? [] : [day]))
  return {
    sql: `(e.${column} = any(?::text[]) and (e.subject = any(?::text[]) or (e.subject is null and exists (
      select from unnest(?::date[]) as d (day)
      where e.occurred_at >= d.day::timestamp at time zone 'UTC'
        and e.occurred_at < (d.day + 1)::timestamp at time zone 'UTC'))))`,
    values: [found.map(({ tag }) => tag), found.flatMap(({ subject }) => subject ?? []), days]
  }
}
