// A disk that is really full: the trail's table on a file system of a few megabytes. Mounting one needs root.
import { execFileSync } from 'node:child_process'
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sealNow, verifyChain } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import t, { type Test } from 'tap'
import { CLUSTER_FILE } from '../../support/cluster-file.ts'
import { openSpill } from '../../../plugins/audit-log/src/outage/spill.ts'
import { auditDatabase, buildApp } from './support/audited-app.ts'
import { sampleRecord } from '../../support/sample-record.ts'
import { SPILL_KEY } from './support/spill-folder.ts'

const DISK_MEBIBYTES = 4

/** A small file system; `null` where none can be mounted. */
function mountSmallDisk(t: Test): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-disk-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MEBIBYTES}m`, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  t.after(() => {
    execFileSync('umount', [folder])
  })
  return folder
}

/** A small file system that belongs to the database server. */
function mountDisk(t: Test): string | null {
  const folder = mountSmallDisk(t)
  if (folder === null) return null
  const { dataDirectory } = JSON.parse(readFileSync(CLUSTER_FILE, 'utf8')) as { dataDirectory: string }
  const { uid, gid } = statSync(dataDirectory)
  chownSync(folder, uid, gid)
  return folder
}

/** Puts the trail on the small disk and fills what is left of it; resolves with what makes room again. */
async function fillDisk(t: Test, db: Knex, disk: string): Promise<() => Promise<void>> {
  await db.raw(`create tablespace small_disk location '${disk}'`)
  t.after(async () => {
    await db.raw('drop table if exists filler')
    await db.raw('alter table audit_events set tablespace pg_default')
    await db.raw('drop tablespace small_disk')
  })
  await db.raw('alter table audit_events set tablespace small_disk')
  await db.raw('create table filler (content text) tablespace small_disk')
  await db.raw('alter table filler alter column content set storage plain')
  const fill = async (): Promise<never> => {
    for (;;) await db.raw("insert into filler select repeat('x', 6000) from generate_series(1, 20)")
  }
  await t.rejects(
    async () => {
      await fill()
    },
    { code: '53100' },
    'the disk is full'
  )
  return async () => {
    await db.raw('drop table filler')
  }
}

t.test('A9: on a full disk nothing is acknowledged without its row, and all goes on once there is room', async t => {
  const disk = mountDisk(t)
  if (disk === null) {
    await t.skip('no file system can be mounted here: run as root', async () => {})
    return
  }
  const { app: db, superuser } = await auditDatabase(t)
  const makeRoom = await fillDisk(t, superuser, disk)
  let thing = 0
  const app = await buildApp(t, { db }, app => {
    app.post('/things', { config: { access: 'authenticated', audit: { action: 'thing.make' } } }, async request => {
      const id = thing++
      await db.transaction(async trx => {
        await trx('thing').insert({ id })
        await request.audit(trx, {
          action: 'thing.make',
          outcome: 'success',
          resource: { type: 'thing', id: String(id) },
          detail: { filler: 'y'.repeat(900) }
        })
      })
      return { id }
    })
  })
  const make = async (): Promise<{ status: number; code: string; retryAfter: unknown; id: number }> => {
    const { statusCode, headers, body } = await app.inject({
      method: 'POST',
      url: '/things',
      headers: { 'x-test-subject': 'somebody' }
    })
    const { code, id } = JSON.parse(body) as { code: string; id: number }
    return { status: statusCode, code, retryAfter: headers['retry-after'], id }
  }

  const acknowledged: string[] = []
  let answer = await make()
  // What fits into the last page of the table is still recorded.
  for (; answer.status === 200 && acknowledged.length < 100; answer = await make()) acknowledged.push(String(answer.id))
  t.match(answer, { status: 503, code: 'SALLYPORT_AUDIT_UNAVAILABLE', retryAfter: '5' })
  for (let n = 0; n < 3; n++) t.equal((await make()).status, 503, 'and again')

  await makeRoom()
  answer = await make()
  t.equal(answer.status, 200, 'without a restart')
  acknowledged.push(String(answer.id))

  const recorded: string[] = await superuser('audit_events').where({ outcome: 'success' }).pluck('resource_id')
  const things: number[] = await superuser('thing').pluck('id')
  t.strictSame(recorded.sort(), acknowledged.sort(), 'a row for everything that was acknowledged, and for nothing else')
  t.strictSame(things.map(String).sort(), acknowledged.sort(), 'and no effect without one')
  await sealNow(superuser)
  const trail = { ok: true, sealedRows: recorded.length, unsealedRows: 0 }
  t.match(await verifyChain(superuser), trail, 'and the chain is whole')
})

t.test('A9: where kept rows fill the disk, they are refused with 503, and all goes on once there is room', async t => {
  const disk = mountSmallDisk(t)
  if (disk === null) {
    await t.skip('no file system can be mounted here: run as root', async () => {})
    return
  }
  const spill = await openSpill({
    folder: join(disk, 'audit'),
    keys: [SPILL_KEY],
    maxBytes: 1 << 30,
    clock: Date.now,
    onDamage: lost => t.fail(`${lost} rows are lost`)
  })
  const filler = join(disk, 'filler')
  writeFileSync(filler, Buffer.alloc(3 << 20))
  const row = { ...sampleRecord('kept'), detail: { filler: 'y'.repeat(30_000) } }
  let kept = 0
  await t.rejects(
    async () => {
      for (; kept < 1000; kept++) await spill.keep([row])
    },
    { code: 'ENOSPC' }
  )
  t.ok(kept > 5, `${kept} rows fit`)
  await t.rejects(spill.keep([row]), { code: 'ENOSPC' }, 'and again')
  spill.addGap('dropped', 'reads', 1)
  rmSync(filler)
  await spill.keep([row])
  let taken = 0
  for (let rows = await spill.next(); rows !== null; rows = await spill.next()) {
    taken += rows.records.length
    await spill.replayed(rows)
  }
  t.equal(taken, kept + 1, 'what was acknowledged, and nothing else')
  t.match(spill.closeGaps(), [{ cause: 'dropped', count: 1 }], 'counting goes on when the disk is full')
  await spill.close()
})
