// What the rows of commands say of versions: no configuration but the release of the command.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runAuditCommand, sealNow } from '@sallyport/audit-log'
import t from 'tap'
import { auditDatabase, buildApp, rowsOf } from './support/audited-app.ts'
import { spillFolder } from './support/spill-folder.ts'

const MANIFEST = new URL('../../../plugins/audit-log/package.json', import.meta.url)

t.test('every row that a command writes says which release wrote it', async t => {
  const { app: db, appUrl, prunerUrl } = await auditDatabase(t)
  const app = await buildApp(t, { db }, () => {})
  await app.auditSink.write({ action: 'order.place', outcome: 'success', subject: 'user-1' })
  await sealNow(db)
  const erasures = join(spillFolder(t), 'erasures.ndjson')
  const run = async (url: string, line: string, signal?: AbortSignal): Promise<void> => {
    const code = await runAuditCommand({
      args: line.split(' '),
      environment: { DATABASE_URL: url },
      call: 'sallyport-audit',
      out: () => {},
      error: text => t.comment(text),
      ...(signal !== undefined && { signal })
    })
    t.equal(code, 0, line)
  }
  await run(appUrl, 'search')
  await run(appUrl, 'search --personal')
  await run(appUrl, 'tail', AbortSignal.abort())
  await run(appUrl, 'export')
  await run(appUrl, 'hold --name matter --action none')
  await run(appUrl, 'hold --release matter')
  await run(prunerUrl, 'prune --before 2999-01-01T00:00:00Z')
  await run(prunerUrl, `erase user-1 --reason asked --erasures ${erasures} --yes`)
  await run(prunerUrl, `erase-again --erasures ${erasures}`)
  const rows = (await rowsOf(db)).filter(row => row.process === 'audit-command')
  t.same(
    new Set(rows.map(({ action }) => action)),
    new Set([
      ...['audit.read', 'audit.read-personal', 'audit.hold', 'audit.release', 'audit.prune'],
      ...['audit.erase', 'audit.erase-again']
    ])
  )
  const { version } = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string }
  for (const row of rows) t.equal(row.configuration_version, `sallyport-audit/${version}`, row.action)
})
