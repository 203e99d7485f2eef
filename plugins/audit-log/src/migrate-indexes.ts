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

/** What rows are found by: the column, and which rows have a value that is looked for. */
const ORDERED_INDEXES = {
  audit_events_subject: '(subject, occurred_at) where subject is not null',
  audit_events_subject_refused: "(subject, occurred_at) where outcome <> 'success'",
  audit_events_client_id: '(client_id, occurred_at) where client_id is not null',
  audit_events_action: '(action, occurred_at)',
  audit_events_reason: '(reason, occurred_at) where reason is not null',
  audit_events_outcome: "(outcome, occurred_at) where outcome <> 'success'",
  audit_events_resource: '(resource_id, occurred_at) where resource_id is not null',
  audit_events_request_id: '(request_id, occurred_at) where request_id is not null',
  audit_events_trace_id: '(trace_id, occurred_at) where trace_id is not null',
  audit_events_txn: '(txn, occurred_at) where txn is not null',
  audit_events_session_id: '(session_id, occurred_at) where session_id is not null',
  audit_events_name_tried: '(name_tried, occurred_at) where name_tried is not null'
}

/** Those that were there before, as they were. */
const UNORDERED_INDEXES = {
  audit_events_subject: '(subject)',
  audit_events_client_id: '(client_id) where client_id is not null',
  ...RARE_INDEXES,
  audit_events_resource: '(resource_type, resource_id)',
  audit_events_request_id: '(request_id) where request_id is not null',
  audit_events_trace_id: '(trace_id) where trace_id is not null',
  audit_events_txn: '(txn) where txn is not null',
  audit_events_session_id: '(session_id) where session_id is not null'
}

/**
 * Has the rows of each value in the order of time, so that the last fifty of them are read as fast among ten million as
 * among a hundred. Each index takes the place of the one before when it is whole, under its name. Made as
 * {@link addAskedByIndexes} makes its own; a second attempt makes again what the first had made.
 */
export const addOrderedIndexes: Knex.Migration & { readonly config: { readonly transaction: false } } = {
  config: { transaction: false },
  async up(db) {
    await replaceIndexes(db, ORDERED_INDEXES)
  },
  async down(db) {
    await replaceIndexes(db, UNORDERED_INDEXES)
    await db.raw('drop index concurrently if exists audit_events_name_tried')
    await db.raw('drop index concurrently if exists audit_events_subject_refused')
  }
}

async function replaceIndexes(db: Knex, indexes: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, covered] of Object.entries(indexes)) {
    const made = `${name}_new`
    await db.raw('drop index concurrently if exists ??', [made])
    await db.raw(`create index concurrently ?? on audit_events ${covered}`, [made])
    await db.raw('drop index concurrently if exists ??', [name])
    await db.raw('alter index ?? rename to ??', [made, name])
  }
}
