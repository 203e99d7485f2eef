// A database is restored from an older backup with the real pg_dump and pg_restore: what docs/restore.md says.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runAuditCommand } from '@sallyport/audit-log'
import { buildApp, migrate, postgresStore, runCommand, seedDemo, type Store } from '@sallyport/auth-server'
import { startPostgres } from '@sallyport/local'
import type { AuditEvent } from '@sallyport/security-context'
import t from 'tap'
import { administration } from '../support/administration.ts'
import { CHEAP, FACTS, login, post, refresh, SETTINGS } from '../support/authorization-server.ts'
import { connect } from '../support/database.ts'

const run = promisify(execFile)
const INSTALLATIONS = '/usr/lib/postgresql'
/** The PostgreSQL of the system, because the one from npm has no pg_dump. */
const installation = existsSync(INSTALLATIONS)
  ? readdirSync(INSTALLATIONS)
      .map(version => join(INSTALLATIONS, version))
      .findLast(folder => existsSync(join(folder, 'bin', 'pg_dump')) && existsSync(join(folder, 'bin', 'postgres')))
  : undefined
const skip = installation === undefined && 'PostgreSQL is not installed here (apt-get install postgresql)'

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 20))
}

t.test('a restored backup is noticed, revives nothing, and its trail goes on', { skip, timeout: 240_000 }, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-restore-'))
  const programs = join(installation ?? '', 'bin')
  const cluster = await startPostgres({
    directory: folder,
    keeper: true,
    ...(installation !== undefined && { installation }),
    settings: { fsync: 'off' }
  })
  t.teardown(async () => {
    await cluster.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const url = Object.assign(new URL(cluster.url), { pathname: '/auth' }).href
  const admin = connect(cluster.url, 1)
  await admin.raw('create database auth')
  const owner = connect(url, 2)
  await migrate(owner, { appRole: 'postgres', prunerRole: 'postgres' })
  await seedDemo(owner, FACTS, CHEAP)
  await owner.destroy()
  const anchorPath = join(folder, 'checkpoints')
  const [keys, persons, names] = ['seed-1', 'persons-1', 'names-1'].map(
    id => `${id}:${randomBytes(32).toString('base64url')}`
  ) as [string, string, string]
  const erasures = join(folder, 'erasures.ndjson')

  /** A command of the trail, as an operator calls it. */
  async function trailCommand(...args: string[]): Promise<{ readonly code: number; readonly text: string }> {
    const out: string[] = []
    const code = await runAuditCommand({
      args,
      environment: {
        DATABASE_URL: url,
        PRUNER_DATABASE_URL: url,
        SALLYPORT_AUDIT_CHECKPOINT_KEYS: keys,
        SALLYPORT_AUDIT_CHECKPOINT_ORIGIN: 'auth-server',
        SALLYPORT_AUDIT_ANCHOR_PATH: anchorPath,
        SALLYPORT_AUDIT_PERSON_KEYS: persons,
        SALLYPORT_AUDIT_NAME_KEY: names
      },
      call: 'sallyport-audit',
      out: text => out.push(text),
      error: text => out.push(text)
    })
    return { code, text: out.join('') }
  }

  /** What the rows of a person say: names that were tried, and how many rows cannot be read any more. */
  async function saysOf(subject: string): Promise<{ readonly names: readonly unknown[]; readonly erased: number }> {
    const { code, text } = await trailCommand('search', '--subject', subject, '--personal', '--all', '--json')
    t.equal(code, 0, 'the trail is searched')
    const rows = text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { erased: boolean; personal: { nameTried?: string } | null })
    return {
      names: rows.flatMap(({ personal }) => personal?.nameTried ?? []),
      erased: rows.filter(row => row.erased).length
    }
  }

  async function start() {
    const db = connect(url, 10)
    const settings = {
      ...SETTINGS,
      auditCheckpointKeys: keys,
      auditPersonKeys: persons,
      auditNameKey: names,
      auditAnchorPath: anchorPath,
      auditCheckpointIntervalMs: 100,
      auditVerifierIntervalMs: 100,
      auditVerifierReadiness: true
    }
    const app = await buildApp(settings, { store: postgresStore(db), passwordParameters: CHEAP })
    await app.ready()
    const problem = (): unknown => app.auditHealth.checkpoints()?.verifier?.problem
    const passes = (): number => app.auditHealth.checkpoints()?.verifier?.passes ?? 0
    const stop = async (): Promise<void> => {
      await app.close()
      await db.destroy()
    }
    const anchored = async (): Promise<void> => {
      const { head } = await app.sealAudit()
      await until(() => (app.auditHealth.checkpoints()?.size ?? 0) >= (head?.sequence ?? 0))
    }
    const command = async (line: string): Promise<Record<string, unknown>> => {
      const out: string[] = []
      const terminal = { out: (text: string) => out.push(text), error: (text: string) => t.comment(text) }
      const administered = async () => ({
        ...(await administration(db, Date.now)),
        audit: async (store: Store, event: AuditEvent) => await app.auditWithin(store.connection ?? db, event)
      })
      const code = await runCommand(`${line} --json`.split(' '), administered, {
        ...terminal,
        readStdin: async () => ''
      })
      t.equal(code, 0, line)
      return JSON.parse(out.join('')) as Record<string, unknown>
    }
    return { app, db, problem, passes, stop, anchored, command }
  }

  // The day of the backup.
  const before = await start()
  const ended = (await login(before.app)).body
  const live = (await login(before.app, 'restaurant1')).body
  const forgotten = FACTS.users.restaurant1.subject
  await login(before.app, 'restaurant1', { password: 'not the password' })
  await before.anchored()
  t.same(await saysOf(forgotten), { names: ['restaurant1', 'restaurant1'], erased: 0 })
  const dump = join(folder, 'backup')
  await run(join(programs, 'pg_dump'), ['--format=custom', `--file=${dump}`, url])

  // The day after: a session ends, another one begins, a key is stolen and removed, and a person is erased.
  t.equal((await post(before.app, '/oauth2/revoke', 'gateway', { token: ended.refresh_token ?? '' })).status, 200)
  await before.command('keys emergency')
  const younger = (await login(before.app, 'customer2')).body
  const erased = await trailCommand('erase', forgotten, '--reason', 'asked to', '--erasures', erasures, '--yes')
  t.equal(erased.code, 0, erased.text)
  t.match(await saysOf(forgotten), { names: [] })
  await before.anchored()
  t.equal(before.problem(), null)
  await before.stop()

  await admin.raw('drop database auth')
  await admin.raw('create database auth')
  await run(join(programs, 'pg_restore'), [`--dbname=${url}`, dump])

  const restored = await start()
  await until(() => restored.problem() !== null)
  t.equal(restored.problem(), 'behind-anchor', 'the anchor shows it')
  await t.rejects(restored.app.auditHealth.check(), /behind-anchor/, 'and the process is not ready')
  const revived = await refresh(restored.app, ended.refresh_token)
  t.equal(revived.status, 200, 'the session that had ended lives again')
  t.match(
    await saysOf(forgotten),
    { names: ['restaurant1', 'restaurant1'], erased: 0 },
    'and so does the name of who was erased'
  )
  await restored.stop()

  // The procedure.
  const resumed = await trailCommand('resume-after-restore', '--because', 'drill', '--erasures', erasures)
  t.equal(resumed.code, 0, resumed.text)
  t.match(resumed.text, '1 erasures applied again')
  const forgottenAgain = await saysOf(forgotten)
  t.same(forgottenAgain.names, [], 'nobody reads the name any more')
  t.ok(forgottenAgain.erased > 0, 'whose rows are there')
  const after = await start()
  t.match(await after.command('database after-restore'), { sessions: Number, kid: String, checkAgain: Array })

  for (const [what, token] of Object.entries({
    'the session that had ended': ended.refresh_token,
    'what it was refreshed to': revived.body.refresh_token,
    'a session of the backup': live.refresh_token,
    'a session since the backup': younger.refresh_token
  })) {
    t.equal((await refresh(after.app, token)).status, 400, `${what} is over`)
  }
  for (const token of [live.access_token, younger.access_token, revived.body.access_token]) {
    const headers = { authorization: `Bearer ${token}` }
    t.equal(
      (await after.app.inject({ url: '/sessions', headers })).statusCode,
      401,
      'access tokens of before are refused'
    )
  }
  const { keys: published } = (await after.app.inject('/oauth2/jwks')).json<{ keys: { kid: string }[] }>()
  t.equal(published.length, 1, 'and no key of before is left')
  t.equal((await login(after.app, 'customer2')).status, 200, 'who logs in again goes on')
  const rows: { action: string }[] = await after.db('audit_events').select('action')
  for (const action of [
    'audit.restored',
    'registry.restored',
    'session.end',
    'key.emergency-rotation',
    'audit.erase-again'
  ]) {
    t.ok(
      rows.some(row => row.action === action),
      `${action} is in the trail`
    )
  }
  await after.anchored()
  const done = after.passes()
  await until(() => after.passes() > done || after.problem() !== null)
  t.equal(after.problem(), null, 'the trail verifies again')
  await after.app.auditHealth.check()
  await after.stop()
  await admin.destroy()
})
