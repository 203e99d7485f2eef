import type { Knex } from 'knex'
import type { AuditRoles } from '../audit-roles.ts'

/** A migration that holds up no writer. */
type SlowMigration = Knex.Migration & { readonly config: { readonly transaction: false } }

/** Spans of one call while the migration fills the table. */
const SPANS_TOGETHER = 200

/**
 * For each 1024 sequences, the first and the last time at which their rows occurred: a page of an hour begins where
 * rows of that hour are. Nobody writes the table: a function does, out of what is sealed, and the sealer calls it. It
 * reads by indexes, whatever the planner believes, and names its tables by a path that nobody else can put a table
 * into. What is sealed already is filled in a piece at a time, while processes write.
 */
export function addSpans({ appRole, prunerRole }: AuditRoles): SlowMigration {
  return {
    config: { transaction: false },
    async up(db) {
      await db.raw(`
        create table if not exists audit_spans (
          number bigint primary key check (number >= 0), earliest timestamptz, latest timestamptz)`)
      await db.raw('revoke all on audit_spans from public')
      await db.raw('grant select on audit_spans to ??, ??', [appRole, prunerRole])
      const { rows } = await db.raw<{ rows: { schema: string }[] }>('select current_schema() as schema')
      await db.raw(ADD_SPANS, [rows[0]?.schema ?? 'public'])
      await db.raw('revoke all on function audit_add_spans from public')
      await db.raw('grant execute on function audit_add_spans to ??', [appRole])
      for (;;) {
        const { rows: filled } = await db.raw<{ rows: { added: number }[] }>('select audit_add_spans(?) as added', [
          SPANS_TOGETHER
        ])
        if ((filled[0]?.added ?? 0) < SPANS_TOGETHER) break
      }
    },
    async down(db) {
      await db.raw('drop function audit_add_spans')
      await db.raw('drop table audit_spans')
    }
  }
}

/** Full spans only, in order: one is never written again. */
const ADD_SPANS = `
  create or replace function audit_add_spans(most integer) returns integer language plpgsql security definer
    set search_path = ??, pg_temp
    set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_bitmapscan = off
    set enable_hashjoin = off set enable_mergejoin = off
  as $$
    declare
      following bigint;
      added integer := 0;
    begin
      perform pg_advisory_xact_lock(hashtext('sallyport-audit-spans'));
      select coalesce(max(number) + 1, 0) into following from audit_spans;
      while added < most and (following + 1) * 1024 <= (select max(sequence) from audit_seals) loop
        insert into audit_spans (number, earliest, latest)
          select following, min(e.occurred_at), max(e.occurred_at)
          from audit_seals s join audit_events e on e.id = s.event_id
          where s.sequence > following * 1024 and s.sequence <= (following + 1) * 1024;
        following := following + 1;
        added := added + 1;
      end loop;
      return added;
    end
  $$`
