import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { sealNow, verifyChain } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t from 'tap'
import { auditDatabase } from './support/audited-app.ts'

type Message = { readonly acknowledged: number } | { readonly reached: string }

/**
 * Runs the writer until it reaches the point (or has acknowledged 30 effects), kills it, and returns what it
 * acknowledged.
 */
async function killAt(point: string, url: string): Promise<number[]> {
  const child: ChildProcess = fork(fileURLToPath(new URL('support/killed-writer.ts', import.meta.url)), [url, point], {
    execArgv: ['--conditions=@sallyport/source', '--disable-warning=ExperimentalWarning']
  })
  const acknowledged: number[] = []
  const ended = once(child, 'exit')
  child.on('message', (message: Message) => {
    if ('acknowledged' in message) acknowledged.push(message.acknowledged)
    if ('reached' in message || acknowledged.length >= 30) child.kill('SIGKILL')
  })
  const [, signal] = await ended
  if (signal !== 'SIGKILL') throw new Error('the writer ended by itself')
  return acknowledged
}

/** Waits until the killed writer's connections are gone, and its open transaction with them. */
async function settled(db: Knex, superuser: Knex): Promise<void> {
  for (;;) {
    const { rows } = await superuser.raw(
      'select 1 from pg_stat_activity where datname = current_database() and usename = ? and pid <> pg_backend_pid()',
      ['test_audit_app']
    )
    if (rows.length === 0) break
  }
  await sealNow(db)
}

for (const point of ['before-transaction', 'between-effect-and-row', 'before-commit', 'after-commit', 'anywhere']) {
  t.test(
    `A2: after kill -9 (${point}) every acknowledged effect has its row, and no row is without its effect`,
    async t => {
      const { app: db, superuser, appUrl } = await auditDatabase(t)
      const acknowledged = await killAt(point, appUrl)
      t.ok(acknowledged.length >= 19)
      await settled(db, superuser)
      const effects = (await db('thing').orderBy('id')).map(row => Number(row.id))
      const recorded = (await db('audit_events').where({ action: 'thing.create', outcome: 'success' }))
        .map(row => Number(row.resource_id))
        .sort((a, b) => a - b)
      t.same(recorded, effects, 'committed is recorded, and the other way round')
      t.same(
        acknowledged.filter(id => !effects.includes(id)),
        []
      )
      t.match(await verifyChain(db), { ok: true, unsealedRows: 0, sealedRows: effects.length })
    }
  )
}
