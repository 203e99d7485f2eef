import type { Knex } from 'knex'
import type { AuditedDatabase } from './audited-database.ts'
import { ACTIONS, CLIENTS, RARE, REASONS, REFUSED, ROWS_OF_TRANSACTION, START_MS, SUBJECTS } from './grown-trail.ts'

/** Rows of one transaction, as a busy process writes them together. */
const ROWS_TOGETHER = 2000

/**
 * Fills the trail with the rows that the plugin would write for these places, as fast as the server makes them: the
 * same columns and sizes, but noise where the plugin has a hash and a ciphertext, so that these rows cannot be
 * verified. The server seals them too, as the sealer does: the chain is right. Indexes that neither the key nor the
 * sealer needs are made afterwards. What rows cost is not measured here.
 */
export async function fillTrail({ owner }: AuditedDatabase, first: number, end: number): Promise<void> {
  if (end <= first) return
  const definitions = await dropSearchIndexes(owner)
  await owner.raw(
    `
    do $do$
    declare
      ids uuid[]; contents bytea[]; chains bytea[]; chain bytea; sealed bigint;
    begin
      set synchronous_commit = off;
      for place in ${first}..${end - 1} by ${ROWS_TOGETHER} loop
        select coalesce(max(sequence), 0) into sealed from audit_seals;
        select coalesce((select chain_hash from audit_seals where sequence = sealed),
          sha256('sallyport audit chain 1')) into chain;
        with added as (
          ${rowsInSql('place', `least(place + ${ROWS_TOGETHER}, ${end}) - 1`)} returning id, content_hash
        ) select array_agg(id order by id), array_agg(content_hash order by id) into ids, contents from added;
        chains := '{}';
        for i in 1..cardinality(ids) loop
          chain := sha256(chain || int8send(sealed + i) || contents[i]);
          chains := chains || chain;
        end loop;
        insert into audit_seals (sequence, event_id, content_hash, chain_hash, watermark)
          select sealed + i, ids[i], contents[i], chains[i],
            case when i = cardinality(ids) then pg_current_xact_id() end
          from generate_series(1, cardinality(ids)) i;
        perform audit_add_spans(10);
        commit;
      end loop;
      reset synchronous_commit;
    end $do$`
  )
  for (const definition of definitions) await owner.raw(definition)
}

/** Says how each of them is made again. */
async function dropSearchIndexes(owner: Knex): Promise<string[]> {
  const { rows } = await owner.raw<{ rows: { name: string; definition: string }[] }>(
    `select indexname as name, indexdef as definition from pg_indexes
      where tablename = 'audit_events' and indexname not in ('audit_events_pkey', 'audit_events_transaction')`
  )
  for (const { name } of rows) await owner.raw('drop index ??', [name])
  return rows.map(({ definition }) => definition)
}

/** What `grownEvent` and `grownPlace` say. */
function rowsInSql(first: string, last: string): string {
  const refused = `n % ${REFUSED} = 0`
  return `
    insert into audit_events (id, version, occurred_at, process, action, outcome, reason, subject, client_id,
      resource_type, resource_id, request_id, trace_id, txn, detail, sealed, content_hash)
    select (lpad(to_hex(${START_MS} + n::bigint * 1000), 12, '0') || '7' || substr(md5(n::text), 1, 3) || 'a' ||
        substr(md5(n::text), 4, 15))::uuid,
      3, to_timestamp(${START_MS / 1000} + n), 'bench',
      case when n % ${RARE} = 0 then 'key.compromised' else 'order.action-' || n % ${ACTIONS} end,
      case when ${refused} then 'denied' else 'success' end, case when ${refused} then 'reason-' || n % ${REASONS} end,
      'user-' || n::bigint * 7 % ${SUBJECTS}, 'client-' || n % ${CLIENTS}, 'order', 'order-' || n, 'request-' || n,
      lpad(to_hex(n), 32, '0'), 'txn-' || n / ${ROWS_OF_TRANSACTION},
      jsonb_build_object('status', case when ${refused} then 403 else 200 end, 'method', 'POST',
        'route', '/orders/:orderId', 'step', n % 10),
      md5(n::bigint * 7 % ${SUBJECTS} || '')::uuid || ':' || repeat(md5(n::text), 7), sha256(n::text::bytea)
    from generate_series(${first}, ${last}) n`
}
