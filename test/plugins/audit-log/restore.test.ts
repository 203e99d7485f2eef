// A trail whose database was restored from a backup: it ends before what was signed.
import { randomBytes, randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileAnchor, resumeTrail, runAuditCommand, sealNow, verifierText } from '@sallyport/audit-log'
import t, { type Test } from 'tap'
import { anchorProblem } from '../../../plugins/audit-log/src/checkpoint/anchor-history.ts'
import { anchoredNotes } from '../../../plugins/audit-log/src/checkpoint/anchors.ts'
import { openCheckpoint } from '../../../plugins/audit-log/src/checkpoint/checkpoint.ts'
import { checkpointKeys } from '../../../plugins/audit-log/src/checkpoint/checkpoint-options.ts'
import { keepErasure } from '../../../plugins/audit-log/src/privacy/erasure-file.ts'
import { checkpoint, notesAnchor, type MutationTrail } from '../../support/audit-mutations/every-kind-of-row.ts'
import { verifyOnce } from '../../support/audit-mutations/find-missed.ts'
import { auditDatabase, buildApp, rowsOf, type AuditDatabase } from './support/audited-app.ts'
import { ringText, WRAPPING_KEYS } from './support/privacy-keys.ts'
import { spillFolder } from './support/spill-folder.ts'

const SEED = randomBytes(32)
const ORIGIN = 'orders.example.com/audit'
const KEYS = checkpointKeys({ origin: ORIGIN, keys: [SEED] })
const BACKUP = 5
const LATEST = 9

interface Restored extends MutationTrail, Pick<AuditDatabase, 'superuser' | 'appUrl' | 'prunerUrl'> {
  readonly write: (count: number) => Promise<void>
}

/** Nine rows with checkpoints of three and of nine, of which the backup has the first five. */
async function restoredTrail(t: Test): Promise<Restored> {
  const { app: db, superuser, appUrl, prunerUrl } = await auditDatabase(t)
  const app = await buildApp(t, { db }, () => {})
  const trail = { db, keys: KEYS, anchor: notesAnchor() }
  const write = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) await app.auditSink.write({ action: 'step', outcome: 'success', detail: { n } })
    await sealNow(db)
  }
  await write(3)
  await checkpoint(trail)
  await write(LATEST - 3)
  await checkpoint(trail)
  t.equal(await verifyOnce(trail), null)
  const later = superuser('audit_seals').select('event_id').where('sequence', '>', BACKUP)
  await superuser('audit_events').whereIn('id', later).delete()
  await superuser('audit_seals').where('sequence', '>', BACKUP).delete()
  await superuser('audit_checkpoints').where('size', '>', BACKUP).delete()
  return { ...trail, superuser, appUrl, prunerUrl, write }
}

const resume = async ({ db, keys, anchor }: MutationTrail): ReturnType<typeof resumeTrail> =>
  await resumeTrail({ db, keys, anchors: [anchor], process: 'operator', detail: { reason: 'disk' }, timeoutMs: 5000 })

t.test('a restored trail is noticed, refused to be signed, and goes on with a mark', async t => {
  const trail = await restoredTrail(t)
  t.equal(await verifyOnce(trail), 'behind-anchor')
  await t.rejects(checkpoint(trail), { message: /behind-anchor at 9/ })
  const { epoch, restored, lost, checkpoint: note } = await resume(trail)
  t.match({ epoch, restored, lost }, { epoch: 1, restored: { sequence: BACKUP }, lost: LATEST - BACKUP })
  const signed = openCheckpoint(note, KEYS.verifiers)
  t.match(signed, { size: BACKUP + 1, replaces: [{ size: LATEST }] })
  t.match((await rowsOf(trail.db)).at(-1), {
    action: 'audit.restored',
    detail: { epoch: 1, reason: 'disk', restoredTo: { sequence: BACKUP }, behind: [{ size: LATEST }] }
  })
  t.equal(await verifyOnce(trail), null)
  await trail.write(6)
  await checkpoint(trail)
  t.equal(await verifyOnce(trail), null, 'and is signed on, beyond what it was before')
  t.same(
    trail.anchor.notes.map(each => openCheckpoint(each, KEYS.verifiers)?.size),
    [3, 9, 6, 12]
  )
  t.equal(anchorProblem(trail.anchor.notes, KEYS.verifiers), null)
})

t.test('A3: an anchor that has a shorter trail without such a mark does not verify', async t => {
  const trail = await restoredTrail(t)
  const { notes } = trail.anchor
  t.equal(anchorProblem(notes, KEYS.verifiers), null)
  t.same(anchorProblem([...notes, notes[0] ?? ''], KEYS.verifiers), { line: 3, problem: 'anchor-forked' })
  t.same(anchorProblem([notes[0] ?? '', `x${notes[1]}`], KEYS.verifiers), { line: 2, problem: 'anchor-changed' })
})

t.test('a second restore is the second epoch', async t => {
  const trail = await restoredTrail(t)
  await resume(trail)
  await trail.write(4)
  await checkpoint(trail)
  const later = trail.superuser('audit_seals').select('event_id').where('sequence', '>', 7)
  await trail.superuser('audit_events').whereIn('id', later).delete()
  await trail.superuser('audit_seals').where('sequence', '>', 7).delete()
  await trail.superuser('audit_checkpoints').where('size', '>', 7).delete()
  t.equal(await verifyOnce(trail), 'behind-anchor')
  t.match(await resume(trail), { epoch: 2, restored: { sequence: 7 }, lost: 3 })
  t.equal(await verifyOnce(trail), null)
})

t.test('what is not just behind is not resumed', async t => {
  const trail = await restoredTrail(t)
  const others = checkpointKeys({ origin: ORIGIN, keys: [randomBytes(32)] })
  await t.rejects(resume({ ...trail, keys: others }), /no key of this trail signed/)
  const away = { ...notesAnchor(), latest: async () => await Promise.reject(new Error('away')) }
  await t.rejects(resume({ ...trail, anchor: away }), /away/)
  await t.rejects(resume({ ...trail, anchor: notesAnchor() }), /no anchor is ahead of the trail/)
  const shorter = { ...notesAnchor(), notes: trail.anchor.notes.slice(0, 1) }
  await t.rejects(resume({ ...trail, anchor: { ...shorter, latest: async () => shorter.notes[0] ?? null } }), /ahead/)
  await trail.superuser('audit_events').where({ process: 'order-service' }).update({ subject: 'somebody else' })
  await t.rejects(resume(trail), /does not verify: content-changed/)
  t.equal(trail.anchor.notes.length, 2, 'nothing was signed')
  t.equal(await verifyOnce(trail), 'content-changed')
})

t.test('the command destroys again what was erased since the backup, before it continues the trail', async t => {
  const trail = await restoredTrail(t)
  const { superuser, prunerUrl, appUrl } = trail
  const folder = spillFolder(t)
  const [path, file] = [join(folder, 'checkpoints'), join(folder, 'erasures.ndjson')]
  for (const note of trail.anchor.notes) await fileAnchor(path).add(note)
  const key = { id: randomUUID(), subject: 'user-1', wrapped: Buffer.alloc(32) }
  await superuser('audit_person_keys').insert(key)
  await keepErasure(
    file,
    { subject: 'user-1', issuer: null, keys: [key.id], at: new Date().toISOString() },
    WRAPPING_KEYS
  )
  const environment = {
    DATABASE_URL: appUrl,
    SALLYPORT_AUDIT_CHECKPOINT_KEYS: `seed-1:${SEED.toString('base64url')}`,
    SALLYPORT_AUDIT_CHECKPOINT_ORIGIN: ORIGIN,
    SALLYPORT_AUDIT_ANCHOR_PATH: path,
    SALLYPORT_AUDIT_PERSON_KEYS: ringText(WRAPPING_KEYS)
  }
  const run = async (list: string, more: Readonly<Record<string, string>> = {}) => {
    const [out, error]: [string[], string[]] = [[], []]
    const code = await runAuditCommand({
      args: ['resume-after-restore', '--because', 'disk', '--erasures', list, '--json'],
      environment: { ...environment, ...more },
      call: 'sallyport-audit',
      out: text => out.push(text),
      error: text => error.push(text)
    })
    return { code, out: out.join(''), error: error.join('') }
  }
  t.match(await run(`${file}.none`), { code: 2, error: /there is no list of erasures/ })
  t.match(await run(file), { code: 2, error: /PRUNER_DATABASE_URL or PRUNER_DATABASE_URL_FILE is missing/ })
  t.match(await run(file, { PRUNER_DATABASE_URL: appUrl }), { code: 1, error: /permission denied/ })
  t.equal((await anchoredNotes(path)).length, 2, 'nothing was continued')
  const { code, out } = await run(file, { PRUNER_DATABASE_URL: prunerUrl })
  t.match([code, JSON.parse(out)], [0, { epoch: 1, erased: { erasures: 1, keys: 1 } }])
  t.same(await superuser('audit_person_keys'), [])
  t.equal((await anchoredNotes(path)).length, 3)
  t.match(
    (await rowsOf(superuser)).filter(row => row.process === 'audit-command'),
    [
      { action: 'audit.erase-again', configuration_version: /^sallyport-audit\// },
      { action: 'audit.restored', configuration_version: /^sallyport-audit\// }
    ]
  )
})

t.test('the command resumes with the settings of the process, and verifies the file of an anchor', async t => {
  const trail = await restoredTrail(t)
  const path = join(spillFolder(t), 'checkpoints')
  for (const note of trail.anchor.notes) await fileAnchor(path).add(note)
  const out: string[] = []
  const run = async (args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<number> =>
    await runAuditCommand({
      args,
      environment: { DATABASE_URL: trail.appUrl, ...more },
      call: 'sallyport-audit',
      out: text => out.push(text),
      error: text => out.push(text)
    })
  const keyFile = join(spillFolder(t), 'seeds')
  writeFileSync(keyFile, `seed-1:${SEED.toString('base64url')}\n`)
  const settings = { SALLYPORT_AUDIT_CHECKPOINT_KEYS_FILE: keyFile, SALLYPORT_AUDIT_CHECKPOINT_ORIGIN: ORIGIN }
  const because = ['resume-after-restore', '--because', 'the disk of the server died']
  const command = [...because, '--no-erasures']
  t.equal(await run(['resume-after-restore'], settings), 2, '--because is missing')
  t.equal(await run(command), 2, 'so are the keys')
  t.equal(await run(command, settings), 2, 'and the anchor')
  const complete = { ...settings, SALLYPORT_AUDIT_ANCHOR_PATH: path }
  t.equal(await run(because, complete), 2, 'whether somebody was erased since has to be said')
  t.match(out.at(-1), /--erasures is missing, or --no-erasures/)
  t.equal(await run([...command, '--erasures', path], complete), 2, 'and not both')
  t.equal(await run(command, complete), 0)
  t.match(out.at(-1), /^epoch 1: the trail goes on after 5; 4 rows that were signed are lost\norders/)
  t.equal(await run(command, complete), 1, 'there is nothing to resume a second time')
  const [verifier] = KEYS.verifiers
  const key = verifier === undefined ? '' : verifierText(verifier)
  t.equal((await anchoredNotes(path)).length, 3)
  t.equal(await run(['verify', '--anchor', path, '--key', key]), 0)
  await fileAnchor(path).add(trail.anchor.notes[0] ?? '')
  t.equal(await run(['verify', '--anchor', path, '--key', key]), 3)
  t.match(out.at(-1), 'THE ANCHOR DOES NOT VERIFY: anchor-forked at 4')
})
