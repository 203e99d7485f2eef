import type { Knex } from 'knex'

/** What an operator asks by, and had no index yet. */
const ASKED_BY = ['request_id', 'trace_id', 'txn', 'session_id', 'client_id'] as const

const indexName = (column: string): string => `audit_events_${column}`

/**
 * Indexes of what joins the rows of a request, a transaction, a session or a client. Rows without the value are left
 * out. They are made while processes write: an index that is made in one go would hold up every one of them. So this
 * runs in no transaction, and begins with what a broken attempt left behind.
 */
export const addAskedByIndexes: Knex.Migration & { readonly config: { readonly transaction: false } } = {
  config: { transaction: false },
  async up(db) {
    for (const column of ASKED_BY) {
      await db.raw('drop index concurrently if exists ??', [indexName(column)])
      await db.raw('create index concurrently ?? on audit_events (??) where ?? is not null', [
        indexName(column),
        column,
        column
      ])
    }
  },
  async down(db) {
    for (const column of ASKED_BY) await db.raw('drop index concurrently if exists ??', [indexName(column)])
  }
}

/**
 * Indexes of what operators look for when it is rare: an action, why something was refused, and that it was. Without
 * them a page of what hardly any row has walks the whole trail. Nearly all rows are successes, which need no index.
 */
const RARE_INDEXES = {
  audit_events_action: '(action)',
  audit_events_reason: '(reason) where reason is not null',
  audit_events_outcome: "(outcome) where outcome <> 'success'"
}

/** Made as {@link addAskedByIndexes} makes its own. */
export const addRareIndexes: Knex.Migration & { readonly config: { readonly transaction: false } } = {
  config: { transaction: false },
  async up(db) {
    for (const [name, covered] of Object.entries(RARE_INDEXES)) {
      await db.raw('drop index concurrently if exists ??', [name])
      await db.raw(`create index concurrently ?? on audit_events ${covered}`, [name])
    }
  },
  async down(db) {
    for (const name of Object.keys(RARE_INDEXES)) await db.raw('drop index concurrently if exists ??', [name])
  }
}
