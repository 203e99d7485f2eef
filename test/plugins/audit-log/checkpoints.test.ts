// Signed checkpoints over a real trail, whose owner changes what the chain alone would not show.
import { randomBytes } from 'node:crypto'
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import {
  fileAnchor,
  httpsAnchor,
  openCheckpoint,
  pruneAudit,
  sealNow,
  type CheckpointAnchor
} from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { anchoredNotes } from '../../../plugins/audit-log/src/checkpoint/anchors.ts'
import { checkpointKeys } from '../../../plugins/audit-log/src/checkpoint/checkpoint-options.ts'
import { makeCheckpoint } from '../../../plugins/audit-log/src/checkpoint/make-checkpoint.ts'
import { createTrailVerifier, type VerifiedPass } from '../../../plugins/audit-log/src/checkpoint/trail-verifier.ts'
import { auditDatabase, buildApp, type AuditDatabase } from './support/audited-app.ts'
import { spillFolder } from './support/spill-folder.ts'

const KEYS = checkpointKeys({ origin: 'orders.example.com/audit', keys: [randomBytes(32)] })

interface Trail extends AuditDatabase {
  readonly anchor: CheckpointAnchor
  readonly anchorFile: string
  readonly write: (count: number) => Promise<void>
  readonly checkpoint: (anchors?: readonly CheckpointAnchor[]) => Promise<string | null>
  /** Verifies the whole trail in steps. */
  readonly verify: () => Promise<VerifiedPass>
}

async function trail(t: Test): Promise<Trail> {
  const database = await auditDatabase(t)
  const app = await buildApp(t, { db: database.app }, () => {})
  const anchorFile = join(spillFolder(t), 'checkpoints')
  const anchor = fileAnchor(anchorFile)
  let written = 0
  return {
    ...database,
    anchor,
    anchorFile,
    write: async count => {
      for (let n = 0; n < count; n++) {
        await app.auditSink.write({ action: 'step', outcome: 'success', subject: `user-${written++}`, detail: { n } })
      }
      await sealNow(database.app)
    },
    checkpoint: async (anchors = [anchor]) => {
      const onAnchorError = (): void => {}
      return (
        (await makeCheckpoint({ db: database.app, keys: KEYS, anchors, timeoutMs: 5000, onAnchorError }))?.note ?? null
      )
    },
    verify: async () => await verifyPass(database.app, [anchor])
  }
}

async function verifyPass(db: Knex, anchors: readonly CheckpointAnchor[]): Promise<VerifiedPass> {
  const passes: VerifiedPass[] = []
  const verifier = createTrailVerifier({
    db,
    keys: KEYS,
    anchors,
    rowsPerStep: 4,
    monotonicClock: () => 0,
    onAnchor: () => {},
    onPass: pass => passes.push(pass),
    onError: error => {
      throw error
    }
  })
  for (;;) {
    await verifier.step()
    const [pass] = passes
    if (pass !== undefined) return pass
  }
}

const sizeOf = (note: string | null): number | undefined => openCheckpoint(note ?? '', KEYS.verifiers)?.size

t.test(
  'a checkpoint is made of what is sealed since the last one, and anchored; without anything new there is none',
  async t => {
    const { write, checkpoint, anchorFile, app, verify } = await trail(t)
    await write(3)
    t.equal(sizeOf(await checkpoint()), 3)
    t.equal(await checkpoint(), null)
    await write(6)
    t.equal(sizeOf(await checkpoint()), 9)
    t.same((await anchoredNotes(anchorFile)).map(sizeOf), [3, 9])
    t.equal((await app('audit_checkpoints')).length, 2)
    t.same(await verify(), { problem: null, sequence: 9 })
  }
)

t.test('an anchor that was away gets the newest checkpoint later, and holds nobody up', async t => {
  const { write, checkpoint, anchor } = await trail(t)
  const away: CheckpointAnchor = {
    name: 'away',
    latest: async () => {
      throw new Error('away')
    },
    add: async () => {
      throw new Error('away')
    }
  }
  await write(2)
  t.equal(sizeOf(await checkpoint([away])), 2)
  t.equal(sizeOf(await checkpoint([away, anchor])), 2, 'the same checkpoint, for the anchor that has none')
  t.equal(await checkpoint([away, anchor]), null)
})

t.test('an anchor behind HTTPS keeps checkpoints, and its failures are no checkpoints', async t => {
  const notes: string[] = []
  let status = 200
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (data: Buffer) => (body += data.toString()))
    request.on('end', () => {
      if (request.method === 'POST' && status === 200) notes.push(body)
      response.statusCode = status !== 200 ? status : request.method === 'GET' && notes.length === 0 ? 404 : 200
      if (status === 302) response.setHeader('location', '/elsewhere')
      response.end(request.method === 'GET' ? (notes.at(-1) ?? '') : '')
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
  })
  const anchor = httpsAnchor(`http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`)
  const { write, checkpoint, app } = await trail(t)
  await write(2)
  t.equal(sizeOf(await checkpoint([anchor])), 2)
  t.same(notes.map(sizeOf), [2])
  for (status of [500, 302]) {
    await t.rejects(anchor.add('x'))
    await t.rejects(anchor.latest())
  }
  status = 200
  t.same(await verifyPass(app, [anchor]), { problem: null, sequence: 2 })
  t.throws(() => httpsAnchor('http://anchor.example.com/'), TypeError, 'never without TLS')
})

/** What somebody with every right on the database can do; the trail has twelve rows, and checkpoints of 5 and 12. */
const ATTACKS: Record<string, (db: Knex) => Promise<unknown>> = {
  'the tail is cut off': async db => cutTail(db, 9),
  'the tail is cut off, and the checkpoint with it': async db => {
    await cutTail(db, 9)
    await db('audit_checkpoints').where({ size: 12 }).delete()
  },
  'the chain is written anew from a row on': rewriteFrom5,
  'the chain is written anew, without the checkpoints': async db => {
    await rewriteFrom5(db)
    await db('audit_checkpoints').delete()
  },
  'a checkpoint has the root of another': async db =>
    db.raw('update audit_checkpoints set note = (select note from audit_checkpoints where size = 5) where size = 12'),
  'a checkpoint is changed': async db =>
    db.raw("update audit_checkpoints set note = replace(note, '12', '13') where size = 12"),
  'a checkpoint is replayed for another size': async db =>
    db.raw(
      'insert into audit_checkpoints (size, note, roots) select 8, note, roots from audit_checkpoints where size = 12'
    )
}

async function cutTail(db: Knex, after: number): Promise<void> {
  await db('audit_events')
    .whereIn('id', db('audit_seals').select('event_id').where('sequence', '>', after))
    .delete()
  await db('audit_seals').where('sequence', '>', after).delete()
}

/** Removes a row, and seals what follows as if it had never been. */
async function rewriteFrom5(db: Knex): Promise<void> {
  const { event_id: id } = await db('audit_seals').where({ sequence: 5 }).first()
  await db('audit_events').where({ id }).delete()
  await db('audit_seals').where('sequence', '>=', 5).delete()
  await db.raw('update audit_seals set watermark = null')
  await sealNow(db)
}

for (const [attack, run] of Object.entries(ATTACKS)) {
  t.test(`${attack}: the verifier says so, and no checkpoint is signed over it`, async t => {
    const { write, checkpoint, verify, superuser } = await trail(t)
    await write(5)
    await checkpoint()
    await write(7)
    await checkpoint()
    t.same(await verify(), { problem: null, sequence: 12 })
    await run(superuser)
    t.not((await verify()).problem, null)
    await write(2)
    const isHarmless = attack === 'a checkpoint is replayed for another size'
    if (isHarmless) t.equal(sizeOf(await checkpoint()), 14)
    else await t.rejects(checkpoint(), { code: 'SALLYPORT_AUDIT_CHECKPOINT_REFUSED' })
  })
}

t.test('a pruned trail verifies and is signed on, and a forged mark is found', async t => {
  const { write, checkpoint, verify, pruner, superuser } = await trail(t)
  await write(5)
  await checkpoint()
  await pruneAudit(pruner, { before: new Date(Date.now() + 60_000) })
  await write(6)
  t.equal(sizeOf(await checkpoint()), 12)
  t.same(await verify(), { problem: null, sequence: 12 })
  await superuser.raw('update audit_prunings set through_sequence = 7, removed = 7')
  t.not((await verify()).problem, null)
})

t.test('an anchor with something that nobody known signed stops both', async t => {
  const { write, checkpoint, verify, anchorFile } = await trail(t)
  await write(2)
  await checkpoint()
  writeFileSync(anchorFile, readFileSync(anchorFile, 'utf8').replaceAll('\\n2\\n', '\\n1\\n'))
  t.match(await verify(), { problem: 'anchor-changed' })
  await write(1)
  await t.rejects(checkpoint(), { message: /anchor-changed/ })
})

t.test('the last checkpoint of an anchor that is larger than memory is read from its end', async t => {
  const path = join(spillFolder(t), 'checkpoints')
  const anchor = fileAnchor(path)
  writeFileSync(path, '')
  t.equal(await anchor.latest(), null)
  // Years of checkpoints: a hole, which costs no disk.
  truncateSync(path, 6 * 1024 ** 3)
  await anchor.add('first\n')
  await anchor.add('x'.repeat(200_000))
  t.equal(await anchor.latest(), 'x'.repeat(200_000), 'also a long one')
  await anchor.add('last\n')
  appendFileSync(path, '\n{"addedAt":"2026-11-26T10:00:00.000Z","note":"cut o')
  t.equal(await anchor.latest(), 'last\n', 'and a line that was cut off is none')
})

t.test('the verifier costs a step at a time, and the next process goes on where the last one was', async t => {
  const { write, app, anchor } = await trail(t)
  await write(10)
  const placeFile = join(spillFolder(t), 'place')
  const open = (onPass: (pass: VerifiedPass) => void = () => {}) =>
    createTrailVerifier({
      db: app,
      keys: KEYS,
      anchors: [anchor],
      rowsPerStep: 4,
      placeFile,
      monotonicClock: () => 0,
      onAnchor: () => {},
      onPass,
      onError: error => t.fail(String(error))
    })
  const first = open()
  await first.step()
  t.equal(first.state().sequence, 4)
  await first.step()
  t.equal(first.state().sequence, 8)
  const passes: VerifiedPass[] = []
  const second = open(pass => passes.push(pass))
  await second.step()
  t.same(passes, [{ problem: null, sequence: 10 }], 'one step was left')
  t.match(second.state(), { passes: 1, problem: null })
  await second.step()
  writeFileSync(placeFile, readFileSync(placeFile, 'utf8').replace('\n4\n', '\n8\n'))
  const third = open()
  await third.step()
  t.equal(third.state().sequence, 4, 'a place that nobody signed is the beginning')
})

t.test('the app makes checkpoints and verifies on its schedule, and is not ready when that is asked for', async t => {
  const { app: db, superuser } = await auditDatabase(t)
  const runs = new Map<number, () => Promise<void>>()
  const path = join(spillFolder(t), 'checkpoints')
  const app = await buildApp(
    t,
    {
      db,
      sealer: {},
      checkpoints: {
        origin: 'orders.example.com/audit',
        keys: [randomBytes(32)],
        anchors: [fileAnchor(path)],
        intervalMs: 11,
        verifier: { intervalMs: 12, readiness: true }
      },
      schedule: (run, intervalMs) => {
        runs.set(intervalMs, run)
        return { stop: () => {} }
      }
    },
    () => {}
  )
  for (let n = 0; n < 3; n++) await app.auditSink.write({ action: `step.${n}`, outcome: 'success' })
  await app.sealAudit()
  await runs.get(11)?.()
  await runs.get(12)?.()
  t.match(app.auditHealth.checkpoints(), { size: 3, verifier: { passes: 1, problem: null } })
  t.equal((await anchoredNotes(path)).length, 1)
  await app.auditHealth.check()
  await superuser('audit_events').where({ action: 'step.1' }).update({ subject: 'somebody else' })
  await runs.get(12)?.()
  await t.rejects(app.auditHealth.check(), /does not verify: content-changed/)
  await superuser('audit_events').where({ action: 'step.1' }).update({ subject: null })
  await runs.get(12)?.()
  await app.auditHealth.check()
})

t.test('checkpoints without a sealer, with a wrong name or a short key fail the boot', async t => {
  const { app: db } = await auditDatabase(t)
  const checkpoints = { origin: 'orders.example.com', keys: [randomBytes(32)] }
  await t.rejects(
    buildApp(t, { db, checkpoints }, () => {}),
    { message: /checkpoints need db and a sealer/ }
  )
  await t.rejects(
    buildApp(t, { db, sealer: {}, checkpoints: { origin: 'a b', keys: [randomBytes(31)] } }, () => {}),
    { message: /origin must.*keys/s }
  )
})
