import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  checkpointSigner,
  checkpointVerifier,
  pruneAudit,
  runAuditCommand,
  sealNow,
  verifierText,
  type AuditCommandCall
} from '@sallyport/audit-log'
import t, { type Test } from 'tap'
import { checkpointKeys } from '../../../plugins/audit-log/src/checkpoint/checkpoint-options.ts'
import { makeCheckpoint } from '../../../plugins/audit-log/src/checkpoint/make-checkpoint.ts'
import { commandOperator } from '../../../plugins/audit-log/src/command/record-reading.ts'
import { auditDatabase, buildApp, rowsOf, type AuditDatabase } from './support/audited-app.ts'
import { spillFolder } from './support/spill-folder.ts'

interface Ran {
  readonly code: number
  readonly out: string
  readonly error: string
}

async function run(url: string, args: readonly string[], more: Partial<AuditCommandCall> = {}): Promise<Ran> {
  const [out, error]: [string[], string[]] = [[], []]
  const code = await runAuditCommand({
    args,
    environment: { DATABASE_URL: url },
    call: 'sallyport-audit',
    out: text => out.push(text),
    error: text => error.push(text),
    ...more
  })
  return { code, out: out.join(''), error: error.join('') }
}

const HOSTILE = 'a\r\n\u001b[2J\u001b]0;owned\u0007\u202e\u200b\u{e0041}\u0085\\u001b'

/** A trail of `count` orders, and one row that means harm. */
async function trail(t: Test, count = 5): Promise<AuditDatabase> {
  const database = await auditDatabase(t)
  const app = await buildApp(t, { db: database.app }, () => {})
  for (let n = 1; n <= count; n++) {
    await app.auditSink.write({
      action: 'order.cancel',
      outcome: n % 2 === 0 ? 'denied' : 'success',
      reason: `reason-${n}`,
      subject: `user-${n}`,
      resource: { type: 'order', id: `${n}` }
    })
  }
  await app.auditSink.write({
    action: HOSTILE,
    outcome: 'failure',
    reason: HOSTILE,
    resource: { type: HOSTILE, id: HOSTILE }
  })
  await sealNow(database.app)
  return database
}

t.test('search shows what matches, in pages, as lines for a person or as JSON, and is recorded', async t => {
  const { appUrl, app } = await trail(t)
  const denied = await run(appUrl, ['search', '--outcome', 'denied', '--order', 'oldest', '--json'])
  t.equal(denied.code, 0)
  t.same(
    denied.out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).resourceId),
    ['2', '4']
  )
  const one = await run(appUrl, ['search', '--reason', 'reason-3', '--resource-type', 'order'])
  t.match(one.out, /^\S+ {2}#3 {2}order-service {2}success {2}order\.cancel {2}user-3 {2}order\/3 {2}reason-3\n$/)
  const page = await run(appUrl, ['search', '--limit', '2'])
  t.equal(page.out.split('\n').length, 3)
  t.match(page.error, 'there are more rows: --after 5')
  t.equal((await run(appUrl, ['search', '--all', '--json'])).out.trimEnd().split('\n').length, 6)
  const reads = (await rowsOf(app)).filter(row => row.action === 'audit.read')
  t.equal(reads.length, 4)
  t.match(reads[0]?.detail, { command: 'search', asked: { outcome: 'denied' }, operator: /./ })
})

t.test('nothing that stands in a row commands the terminal, breaks its line or pretends to be escaped', async t => {
  const { appUrl } = await trail(t, 0)
  for (const args of [['search'], ['search', '--json']]) {
    const { out } = await run(appUrl, args)
    t.equal(out.split('\n').length, 2, 'one line')
    t.notMatch(out.trimEnd(), /[\p{Cc}\u200b-\u200f\u2028-\u202e\u{e0041}]/u)
  }
  const json = await run(appUrl, ['search', '--json'])
  t.equal(JSON.parse(json.out).action, HOSTILE, 'and as JSON it is what was written')
  const text = await run(appUrl, ['search'])
  t.match(text.out, '\\u005cu001b', 'a backslash of the row is told from one of ours')
  const wrong = await run(appUrl, ['search', `--${HOSTILE}`])
  t.equal(wrong.code, 2)
  t.notMatch(wrong.error, /[^\P{Cc}\n]|\u202e/u)
})

t.test('tail shows the last rows and then what is sealed, until it is interrupted', async t => {
  const { appUrl, app: db } = await trail(t)
  const app = await buildApp(t, { db }, () => {})
  const stop = new AbortController()
  const lines: string[] = []
  const ended = run(appUrl, ['tail', '--lines', '2', '--action', 'order.cancel', '--json'], {
    signal: stop.signal,
    out: text => lines.push(text)
  })
  while (lines.length < 2) await new Promise(setImmediate)
  await app.auditSink.write({ action: 'order.cancel', outcome: 'success', resource: { type: 'order', id: 'new' } })
  await app.auditSink.write({ action: 'other', outcome: 'success' })
  await sealNow(db)
  while (lines.length < 3) await new Promise(setImmediate)
  stop.abort()
  t.equal((await ended).code, 0)
  t.same(
    lines.map(line => JSON.parse(line).resourceId),
    ['4', '5', 'new']
  )
})

t.test('verify says whether the trail verifies, with exit code 3 when it does not, and shows its progress', async t => {
  const { appUrl, superuser } = await trail(t)
  const good = await run(appUrl, ['verify'], { showsProgress: true })
  t.equal(good.code, 0)
  t.match(good.out, /^the trail verifies: 6 sealed rows, 0 unsealed, pruned through 0\nhead 6:[0-9a-f]{64}\n$/)
  t.match(good.error, '6 of 6 rows verified')
  const head = good.out.trimEnd().split('head ')[1] ?? ''
  t.equal((await run(appUrl, ['verify', '--head', head])).code, 0)
  const forged = await run(appUrl, [
    'verify',
    '--head',
    head.replace(/.$/, last => (last === '0' ? '1' : '0')),
    '--json'
  ])
  t.equal(forged.code, 3)
  t.match(JSON.parse(forged.out), { ok: false, problem: 'head-missing' })
  await superuser('audit_events').where({ subject: 'user-3' }).update({ outcome: 'denied' })
  const bad = await run(appUrl, ['verify'])
  t.equal(bad.code, 3)
  t.match(bad.out, /^THE TRAIL DOES NOT VERIFY: content-changed at 3\n/)
})

t.test('an export verifies without the database, also of a pruned trail, and every change to it is found', async t => {
  const { appUrl, pruner, superuser } = await trail(t)
  await superuser.raw('update audit_events set occurred_at = occurred_at where false')
  const file = join(spillFolder(t), 'trail.ndjson')
  const nowhere = 'postgres://nobody@127.0.0.1:1/none'
  t.equal((await run(appUrl, ['export', '--file', file])).code, 0)
  t.match(
    (await run(nowhere, ['verify', '--export', file])).out,
    /^the export verifies: 6 rows after 0, 0 of them pruned/
  )
  t.equal((await run(appUrl, ['export', '--file', file])).code, 1, 'an existing file is not overwritten')
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')

  const changes: Record<string, (lines: string[]) => string[]> = {
    'a changed field': all => all.map((line, n) => (n === 3 ? line.replace('user-3', 'user-4') : line)),
    'a line that is gone': all => all.toSpliced(3, 1),
    'two lines swapped': all => all.toSpliced(2, 2, all[3] ?? '', all[2] ?? ''),
    'a line twice': all => all.toSpliced(3, 0, all[3] ?? ''),
    'a row said to be pruned whose hash changed': all =>
      all.map((line, n) => (n === 3 ? line.replace(/"contentHash":"../, '"contentHash":"00') : line)),
    'a cut tail': all => all.slice(0, -1),
    'a cut tail with an end': all => [...all.slice(0, -3), all.at(-1) ?? ''],
    'something behind the end': all => [...all, all[1] ?? ''],
    'no beginning': all => all.slice(1),
    'another form': all => all.map(line => line.replace('export 1', 'export 2')),
    'no JSON': all => all.map((line, n) => (n === 2 ? 'x' : line))
  }
  for (const [what, change] of Object.entries(changes)) {
    writeFileSync(file, `${change(lines).join('\n')}\n`)
    const { code, out } = await run(nowhere, ['verify', '--export', file])
    t.equal(code, 3, `${what}: ${out.split('\n')[0]}`)
  }

  const pruned = await run(appUrl.replace('test_audit_app', 'test_audit_pruner'), [
    'prune',
    '--before',
    '2099-01-01T00:00:00Z'
  ])
  t.match(pruned.out, /^7 rows removed|^6 rows removed/)
  t.ok(await pruner('audit_prunings').first())
  await sealNow(superuser)
  const rest = join(spillFolder(t), 'rest.ndjson')
  t.equal((await run(appUrl, ['export', '--after', '2', '--file', rest])).code, 0)
  t.match(JSON.parse((await run(nowhere, ['verify', '--export', rest, '--json'])).out), {
    ok: true,
    after: { sequence: 2 },
    prunedRows: /^[45]$/
  })
})

t.test('a wrong call is exit code 2 and says what is wrong; a database that is away is 1', async t => {
  const { appUrl } = await auditDatabase(t)
  const wrong: [readonly string[], RegExp][] = [
    [['nothing'], /there is no command nothing/],
    [['search', '--colour', 'x'], /colour/],
    [['search', '--limit', 'many'], /--limit is not a whole number/],
    [['search', '--from', 'yesterday'], /from/],
    [['verify', '--head', '5'], /--head is not/],
    [['prune'], /--before is missing/],
    [['prune', '--before', 'x'], /--before is not a time/],
    [['prune', '--before', '36501d'], /--before is not a time/],
    ...['', 'order.read', 'order.read=', '=90d', 'order.read=90d=1d', 'order read=90d', 'a=90d;', "a'=90d"].map(
      (classes): [readonly string[], RegExp] => [['prune', '--before', '1d', '--classes', classes], /--classes is not/]
    ),
    [['prune', '--before', '1d', '--classes', 'order.read=yesterday'], /--classes is not a time/]
  ]
  for (const [args, said] of wrong) {
    const { code, error, out } = await run(appUrl, args)
    t.equal(code, 2, args.join(' '))
    t.match(error, said)
    t.equal(out, '')
  }
  t.equal((await run('postgres://nobody@127.0.0.1:1/none', ['search'])).code, 1)
  t.equal((await run(appUrl, ['verify', '--export', '/nowhere/at/all'])).code, 1)
  t.match(await run('postgres://db.example.com/trail', ['verify']), { code: 2, error: /without verified TLS/ })
  t.match(await run(appUrl, ['verify'], { environment: {} }), { code: 2, error: /DATABASE_URL/ })
  t.match(await run(appUrl, ['verify'], { environment: { DATABASE_URL_FILE: '/nowhere' } }), { code: 2 })
  const help = await run(appUrl, ['help'])
  t.equal(help.code, 0)
  for (const command of ['search', 'tail', 'verify', 'export', 'prune']) t.match(help.out, command)
})

t.test('rows that cannot be recorded as read are not shown', async t => {
  const { appUrl, superuser } = await trail(t)
  await superuser.raw('revoke insert on audit_events from test_audit_app')
  const file = join(spillFolder(t), 'trail.ndjson')
  for (const args of [['search'], ['tail'], ['export'], ['export', '--file', file]]) {
    const { code, out } = await run(appUrl, args)
    t.same([code, out], [1, ''], args.join(' '))
  }
  t.notOk(existsSync(file))
  t.equal((await run(appUrl, ['verify'])).code, 0, 'verifying shows no row')
})

t.test('a row and the growth of the trail are proved to somebody who has the key and no database', async t => {
  const { appUrl, app, pruner } = await trail(t)
  const folder = spillFolder(t)
  const seed = randomBytes(32)
  const keys = checkpointKeys({ origin: 'orders.example.com', keys: [seed] })
  const key = verifierText(checkpointVerifier(checkpointSigner('orders.example.com', seed)))
  const nowhere = 'postgres://nobody@127.0.0.1:1/none'
  const save = async (name: string): Promise<string> => {
    await makeCheckpoint({ db: app, keys, anchors: [], timeoutMs: 5000, onAnchorError: () => {} })
    const file = join(folder, name)
    writeFileSync(file, (await run(appUrl, ['checkpoint'])).out)
    return file
  }
  const early = await save('early')
  t.equal((await run(appUrl, ['search'])).code, 0)
  await sealNow(app)
  const late = await save('late')
  const signed = ['--checkpoint', late, '--key', key]
  t.equal((await run(appUrl, ['verify', ...signed])).code, 0)

  const file = join(folder, 'proof')
  for (const [said, ...args] of [
    ['the proof holds: the record is under the checkpoint', '--sequence', '3'],
    ['the proof holds: the later checkpoint continues the earlier one', '--since', early]
  ]) {
    const { code, out } = await run(appUrl, ['prove', ...signed, ...args])
    t.equal(code, 0)
    writeFileSync(file, out)
    t.match(await run(nowhere, ['verify', '--proof', file, '--key', key]), { code: 0, out: `${said}\n` })
    const changed = { ...JSON.parse(out), sequence: 4, earlier: JSON.parse(out).later }
    writeFileSync(file, JSON.stringify(changed))
    t.match(await run(nowhere, ['verify', '--proof', file, '--key', key]), { code: 3 })
    writeFileSync(file, out.replace('user-3', 'user-4').replace('orders.example.com', 'order.example.com'))
    t.match(await run(nowhere, ['verify', '--proof', file, '--key', key]), { code: 3 })
  }
  const exported = join(folder, 'trail.ndjson')
  t.equal((await run(appUrl, ['export', '--file', exported])).code, 0)
  t.equal((await run(nowhere, ['verify', '--export', exported, ...signed])).code, 0)
  const other = [
    '--checkpoint',
    late,
    '--key',
    verifierText(checkpointVerifier(checkpointSigner('orders.example.com', randomBytes(32))))
  ]
  t.equal((await run(nowhere, ['verify', '--export', exported, ...other])).code, 1, 'signed by nobody known')
  t.equal((await run(appUrl, ['prove', ...signed, '--sequence', '99'])).code, 1)

  const rings = { SALLYPORT_AUDIT_CHECKPOINT_KEYS: `k1:${seed.toString('base64url')}` }
  const told = async (...flags: readonly string[]): Promise<Ran> =>
    await run(nowhere, ['checkpoint', '--verifier-keys', ...flags], {
      environment: { ...rings, SALLYPORT_AUDIT_CHECKPOINT_ORIGIN: 'orders.example.com' }
    })
  t.match(await told(), { code: 0, out: `${key}\n` }, 'and the key is told to auditors without a database')
  t.match(JSON.parse((await told('--json')).out), { key })
  const unnamed = await run(nowhere, ['checkpoint', '--verifier-keys'], { environment: rings })
  t.match(unnamed, { code: 2, error: /CHECKPOINT_ORIGIN is missing/ })
  const origin = { SALLYPORT_AUDIT_CHECKPOINT_ORIGIN: 'orders.example.com' }
  const keyless = await run(nowhere, ['checkpoint', '--verifier-keys'], { environment: origin })
  t.match(keyless, { code: 2, error: /CHECKPOINT_KEYS is missing/ })

  t.match(await pruneAudit(pruner, { before: new Date('2999-01-01T00:00:00Z') }), { throughSequence: 8 })
  const pruned = await run(appUrl, ['prove', ...signed, '--sequence', '3'])
  t.match(pruned, { code: 0, error: /row 3 was pruned/ })
  t.match(JSON.parse(pruned.out), { record: null, proves: 'place-and-hash' })
  writeFileSync(file, pruned.out.replace('place-and-hash', 'record'))
  const verified = await run(nowhere, ['verify', '--proof', file, '--key', key])
  t.match(verified, { code: 0, out: /NO RECORD IS PROVED/ }, 'whatever the proof says of itself')
  const inJson = await run(nowhere, ['verify', '--proof', file, '--key', key, '--json'])
  t.same(JSON.parse(inJson.out), { ok: true, proves: 'place-and-hash' })
  t.equal((await run(appUrl, ['prove', ...signed])).code, 2)
})

t.test('who runs a command is known by a number where the machine has no name for it', t => {
  t.equal(
    commandOperator(() => ({ username: 'ada' })),
    'ada'
  )
  t.match(
    commandOperator(() => {
      throw Object.assign(new Error('uv_os_get_passwd returned ENOENT'), { code: 'ERR_SYSTEM_ERROR' })
    }),
    /^uid \d+$/
  )
  t.end()
})
