import { readAudit, type AuditQuery } from '@sallyport/audit-log'
import type { Knex } from 'knex'

interface SentStatement {
  readonly sql: string
  readonly bindings: Knex.RawBinding[]
}

/** The plan of each statement that a page takes, with what it read. */
export async function explainPage(db: Knex, query: AuditQuery, timeoutMs: number): Promise<string[]> {
  const sent: SentStatement[] = []
  const note = (statement: SentStatement): void => {
    sent.push(statement)
  }
  db.on('query', note)
  try {
    await readAudit(db, query, { timeoutMs })
  } finally {
    db.off('query', note)
  }
  return await db.transaction(async trx => {
    const lines: string[] = []
    for (const { sql, bindings } of sent) {
      const text = sql.replaceAll(/\$\d+/g, '?')
      if (text.startsWith('select set_config')) await trx.raw(text)
      else if (/^\s*(select|with)/.test(text)) {
        const { rows } = await trx.raw<{ rows: { 'QUERY PLAN': string }[] }>(`${EXPLAIN} ${text}`, bindings)
        lines.push(...rows.map(row => row['QUERY PLAN']).filter(line => !BESIDE.some(text => line.includes(text))))
      }
    }
    return lines
  })
}

/** Lines that say nothing of what was read. */
const BESIDE = [
  'Index Searches:',
  'Heap Fetches: 0',
  'Planning:',
  'Sort Method:',
  '-sorted Groups:',
  'Full-sort Groups:'
]
const EXPLAIN = 'explain (analyze, buffers, costs off, timing off, summary off)'
