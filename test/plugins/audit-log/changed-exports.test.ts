// An export that somebody changed on its way, who has no key.
import { randomBytes } from 'node:crypto'
import { pruneAudit, runAuditCommand, sealNow, verifierText } from '@sallyport/audit-log'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { checkpointKeys } from '../../../plugins/audit-log/src/checkpoint/checkpoint-options.ts'
import { makeCheckpoint } from '../../../plugins/audit-log/src/checkpoint/make-checkpoint.ts'
import { exportTrail, type ExportedSeal } from '../../../plugins/audit-log/src/export-trail.ts'
import { verifyExport } from '../../../plugins/audit-log/src/verify-export.ts'
import { contentHash } from '../../../plugins/audit-log/src/record.ts'
import { chainHash } from '../../../plugins/audit-log/src/seal-pending.ts'
import { auditDatabase, buildApp } from './support/audited-app.ts'
import { spillFolder } from './support/spill-folder.ts'

const KEYS = checkpointKeys({ origin: 'orders.example.com/audit', keys: [randomBytes(32)] })

async function exportedLines(db: Knex, after = 0, signers = KEYS.signers as readonly [] | typeof KEYS.signers) {
  const lines: object[] = []
  for await (const line of exportTrail(db, { after, signers })) lines.push(line)
  return lines
}

async function* textOf(lines: readonly object[]): AsyncGenerator<string> {
  for (const line of lines) yield JSON.stringify(line)
}

const verified = async (lines: readonly object[]) => await verifyExport(textOf(lines), { verifiers: KEYS.verifiers })

async function trail(t: Test) {
  const { app: db, pruner } = await auditDatabase(t)
  const app = await buildApp(t, { db }, () => {})
  const write = async (...actions: string[]): Promise<void> => {
    for (const action of actions) await app.auditSink.write({ action, outcome: 'success', subject: 'user-1' })
    await sealNow(db)
  }
  return { db, pruner, write }
}

t.test('a row that is left out of an export and said to be pruned is found, also where the end is signed', async t => {
  const { db, pruner, write } = await trail(t)
  await write('one', 'two', 'three')
  const whole = await exportedLines(db)
  t.match(await verified(whole), { ok: true, rows: 3, prunedRows: 0 })
  const emptied = whole.map(line => ('sequence' in line && line.sequence === 2 ? { ...line, record: null } : line))
  t.match(await verified(emptied), { ok: false, problem: 'row-missing', firstBadSequence: 2 })

  await pruneAudit(pruner, { before: new Date(Date.now() + 60_000) })
  t.match(await verified(await exportedLines(db)), { problem: 'row-missing' }, 'what says so is not sealed yet')
  await write('four')
  const pruned = await exportedLines(db)
  t.match(await verified(pruned), { ok: true, rows: 5, prunedRows: 3 })
  t.match(await verified(await exportedLines(db, 2)), { ok: true, rows: 3, prunedRows: 1 })
  const more = pruned.map(line => ('sequence' in line && line.sequence === 5 ? { ...line, record: null } : line))
  t.match(await verified(more), { ok: false, problem: 'row-missing', firstBadSequence: 5 })
})

t.test('rows behind a checkpoint are held to the signature of the export, and a part of it to the chain', async t => {
  const { db, write } = await trail(t)
  await write('one', 'two', 'three')
  const made = await makeCheckpoint({ db, keys: KEYS, anchors: [], timeoutMs: 60_000, onAnchorError: () => {} })
  await write('four', 'five')
  const folder = spillFolder(t)
  const [file, checkpoint] = [join(folder, 'export'), join(folder, 'checkpoint')]
  writeFileSync(checkpoint, made?.note ?? '')
  const said = async (lines: readonly object[]) => {
    writeFileSync(file, lines.map(line => `${JSON.stringify(line)}\n`).join(''))
    let out = ''
    const [key] = KEYS.verifiers
    const code = await runAuditCommand({
      args: [
        'verify',
        '--export',
        file,
        '--checkpoint',
        checkpoint,
        '--key',
        key === undefined ? '' : verifierText(key)
      ],
      environment: {},
      call: 'sallyport-audit',
      out: text => (out += text),
      error: text => (out += text)
    })
    return { code, out }
  }
  const whole = await exportedLines(db)
  t.match(await said(whole), { code: 0, out: /5 rows after 0.*3 of them under the checkpoint/s })
  t.match(await said(await exportedLines(db, 1)), { code: 0, out: /4 rows after 1.*2 of them under the checkpoint/s })
  t.match(await said(await exportedLines(db, 3)), { code: 0, out: /2 rows after 3.*0 of them under the checkpoint/s })
  t.match(await said(await exportedLines(db, 4)), { code: 3, out: /checkpoint-missing/ })

  const forged = rewritten(whole, 5)
  t.match(await said(forged), { code: 3, out: /not-signed/ })
  t.match(await said(rewritten(await exportedLines(db, 0, []), 2)), { code: 3, out: /checkpoint-missing/ })
  t.match(await said(rewritten(await exportedLines(db, 1, []), 2)), { code: 3, out: /checkpoint-missing/ })
})

/** Another action in one row, and everything behind it as if it had always been so. */
function rewritten(lines: readonly object[], from: number): object[] {
  let previous = ''
  return lines.map(line => {
    if ('after' in line) previous = (line.after as { chainHash: string }).chainHash
    if ('end' in line) return { ...line, end: { ...(line.end as object), chainHash: previous } }
    if (!('sequence' in line)) return line
    const seal = line as ExportedSeal
    const record = seal.record === null || seal.sequence !== from ? seal.record : { ...seal.record, action: 'forged' }
    const content = record === null ? Buffer.from(seal.contentHash, 'hex') : contentHash(record)
    previous = chainHash(Buffer.from(previous, 'hex'), seal.sequence, content).toString('hex')
    return { sequence: seal.sequence, contentHash: content.toString('hex'), chainHash: previous, record }
  })
}
