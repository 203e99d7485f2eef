// What the rows of commands say of versions: no configuration but the release of the command.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runAuditCommand, sealNow } from '@sallyport/audit-log'
import t from 'tap'
import { auditDatabase, buildApp, rowsOf } from './support/audited-app.ts'
import { spillFolder } from './support/spill-folder.ts'

const MANIFEST = new URL('../../../plugins/audit-log/package.json', import.meta.url)

const parseLine = (text: string): unknown => JSON.parse(text)

t.test('every row that a command writes says which release wrote it, and what it shows can be JSON', async t => {
  const { app: db, appUrl, prunerUrl } = await auditDatabase(t)
  const app = await buildApp(t, { db }, () => {})
  await app.auditSink.write({ action: 'order.place', outcome: 'success', subject: 'user-1' })
  await sealNow(db)
  const erasures = join(spillFolder(t), 'erasures.ndjson')
  const run = async (url: string, line: string, signal?: AbortSignal): Promise<void> => {
    const code = await runAuditCommand({
      args: [...line.split(' '), '--json'],
      environment: { DATABASE_URL: url },
      call: 'sallyport-audit',
      out: text => t.doesNotThrow(() => text.trimEnd().split('\n').map(parseLine), `${line}: lines of JSON`),
      error: text => t.comment(text),
      ...(signal !== undefined && { signal })
    })
    t.equal(code, 0, line)
  }
  // First: it takes the rows of the others too, once they are sealed.
  await run(prunerUrl, 'prune --before 2999-01-01T00:00:00Z')
  await run(appUrl, 'search')
  await run(appUrl, 'verify')
  await run(appUrl, 'push')
  await run(appUrl, 'search --personal')
  await run(appUrl, 'tail', AbortSignal.abort())
  await run(appUrl, 'export')
  await run(appUrl, 'hold --name matter --action none')
  await run(appUrl, 'hold --release matter')
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

t.test('every command refuses a flag that it does not know, as a wrong call', async t => {
  const shown: string[] = []
  const call = async (...args: string[]): Promise<number> =>
    await runAuditCommand({
      args,
      environment: {},
      call: 'sallyport-audit',
      out: text => shown.push(text),
      error: text => shown.push(text)
    })
  t.equal(await call('help'), 0)
  const commands = new Set([...(shown[0] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name))
  t.ok(commands.size >= 13, [...commands].join(' '))
  for (const command of commands) {
    t.equal(await call(command, '--misspelt'), 2, command)
    t.match(shown.at(-1), /misspelt.*\nSee: sallyport-audit help\n$/)
  }
})
