// What is kept on disk during an outage: real files, cut, changed and removed.
import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openSpill, type Spill, type SpillOptions } from '../../../plugins/audit-log/src/outage/spill.ts'
import { sampleRecord } from '../../support/sample-record.ts'
import { SPILL_KEY, spillFolder } from './support/spill-folder.ts'

const NAMES = ['one', 'two', 'three', 'four', 'five']

interface Opened {
  readonly spill: Spill
  readonly folder: string
  readonly rows: string
  readonly damages: number[]
}

async function opened(t: Test, folder = spillFolder(t), options: Partial<SpillOptions> = {}): Promise<Opened> {
  const damages: number[] = []
  const spill = await openSpill({
    folder,
    keys: [SPILL_KEY],
    maxBytes: 1 << 20,
    clock: () => 1000,
    onDamage: lost => damages.push(lost),
    ...options
  })
  return { spill, folder, rows: join(folder, 'rows.spill'), damages }
}

async function keepAll(spill: Spill, names: readonly string[] = NAMES): Promise<void> {
  for (const name of names) await spill.keep([sampleRecord(name)])
}

/** What a process leaves that ends here: its lock ends with it, its files stay as they are. */
function leftBehind(t: Test, folder: string): string {
  const left = spillFolder(t)
  cpSync(folder, left, { recursive: true })
  return left
}

/** Takes everything out, as a replay does. */
async function takeAll(spill: Spill): Promise<string[]> {
  const actions: string[] = []
  for (let rows = await spill.next(); rows !== null; rows = await spill.next()) {
    actions.push(...rows.records.map(({ action }) => action))
    await spill.replayed(rows)
  }
  return actions
}

const gapsOf = (spill: Spill): unknown[] => spill.closeGaps().map(({ cause, count }) => ({ cause, count }))

t.test('rows come out in their order, once, and the file is empty again', async t => {
  const { spill, rows } = await opened(t)
  const empty = statSync(rows).size
  await keepAll(spill)
  t.equal(spill.waiting(), 5)
  t.same(await takeAll(spill), NAMES)
  t.equal(spill.waiting(), 0)
  t.equal(statSync(rows).size, empty)
  t.same(gapsOf(spill), [])
  await keepAll(spill, ['six'])
  t.same(await takeAll(spill), ['six'])
  await spill.close()
})

t.test('rows that are kept at the same time go to the disk together', async t => {
  const { spill } = await opened(t)
  await Promise.all(NAMES.map(async name => spill.keep([sampleRecord(name)])))
  t.same(await takeAll(spill), NAMES)
  await spill.close()
})

t.test('nothing of a row can be read in the folder', async t => {
  const { spill, folder } = await opened(t)
  await keepAll(spill)
  spill.addGap('dropped', 'reads', 1)
  for (const name of readdirSync(folder)) {
    t.notMatch(readFileSync(join(folder, name), 'latin1'), /in clear|canary|user-1|dropped/, name)
    t.equal(statSync(join(folder, name)).mode & 0o077, 0, `${name} is of its owner alone`)
  }
  await spill.close()
})

t.test('a process that starts again has what the one before kept, also under a newer key', async t => {
  const first = await opened(t)
  await keepAll(first.spill)
  first.spill.addGap('dropped', 'reads', 3)
  await first.spill.close()
  const newer = { id: 'k2', key: randomBytes(32) }
  const second = await opened(t, first.folder, { keys: [newer, SPILL_KEY] })
  await second.spill.close()
  const third = await opened(t, first.folder, { keys: [newer] })
  t.same(await takeAll(third.spill), NAMES, 'the second sealed all of it anew')
  t.same(gapsOf(third.spill), [{ cause: 'dropped', count: 3 }])
  await third.spill.close()
})

t.test('without the key that sealed it nothing starts, and nothing is lost', async t => {
  const first = await opened(t)
  await keepAll(first.spill)
  await first.spill.close()
  await t.rejects(opened(t, first.folder, { keys: [{ id: 'other', key: randomBytes(32) }] }), {
    code: 'SALLYPORT_AUDIT_SPILL_LOCKED'
  })
  const again = await opened(t, first.folder)
  t.same(await takeAll(again.spill), NAMES)
  await again.spill.close()
})

t.test('a file that is removed while the process lives loses nothing: what it had is written anew', async t => {
  for (const remove of [rmSync, (path: string) => renameSync(path, `${path}.away`)]) {
    const { spill, rows, damages, folder } = await opened(t)
    await keepAll(spill)
    remove(rows)
    await keepAll(spill, ['six'])
    await spill.close()
    const again = await opened(t, folder)
    t.same(await takeAll(again.spill), [...NAMES, 'six'])
    t.same([...damages, ...again.damages], [])
    await again.spill.close()
  }
})

t.test('a file that is cut loses exactly the rows behind the cut, and a gap says how many', async t => {
  for (const isAlive of [true, false]) {
    const first = await opened(t)
    await keepAll(first.spill, ['one', 'two'])
    const whole = statSync(first.rows).size
    await keepAll(first.spill, ['three', 'four', 'five'])
    if (!isAlive) await first.spill.close()
    truncateSync(first.rows, whole + 10)
    const { spill, damages } = isAlive ? first : await opened(t, first.folder)
    if (isAlive) await keepAll(spill, ['six'])
    t.same(damages, [3], 'somebody is told')
    t.same(await takeAll(spill), isAlive ? ['one', 'two', 'six'] : ['one', 'two'])
    t.same(gapsOf(spill), [{ cause: 'spill-damaged', count: 3 }], isAlive ? 'while it lives' : 'between two processes')
    await spill.close()
  }
})

t.test('a file that is removed between two processes is a gap with the exact count', async t => {
  const first = await opened(t)
  await keepAll(first.spill)
  await first.spill.close()
  rmSync(first.rows)
  const again = await opened(t, first.folder)
  t.same(await takeAll(again.spill), [])
  t.same(gapsOf(again.spill), [{ cause: 'spill-damaged', count: 5 }])
  await again.spill.close()
  const third = await opened(t, first.folder)
  t.same(
    gapsOf(third.spill),
    [{ cause: 'spill-damaged', count: 5 }],
    'it is counted once, and kept until it is written'
  )
  await third.spill.close()
})

t.test('an older file in its place, with as many rows, is none: what was kept is counted as lost', async t => {
  const first = await opened(t)
  await keepAll(first.spill)
  const older = readFileSync(first.rows)
  await takeAll(first.spill)
  await keepAll(first.spill, ['six', 'seven', 'eight', 'nine', 'ten'])
  await first.spill.close()
  writeFileSync(first.rows, older)
  const again = await opened(t, first.folder)
  t.same(again.damages, [5])
  t.same(gapsOf(again.spill), [{ cause: 'spill-damaged', count: 5 }])
  t.same(await takeAll(again.spill), NAMES, 'what was kept once is offered to the trail, which has it')
  await again.spill.close()
  const third = await opened(t, first.folder)
  t.same(third.damages, [], 'and it is not counted again')
  await third.spill.close()
})

t.test('an older file where nothing is kept any more is said to be there', async t => {
  const first = await opened(t)
  await keepAll(first.spill)
  const older = readFileSync(first.rows)
  await takeAll(first.spill)
  await first.spill.close()
  writeFileSync(first.rows, older)
  const again = await opened(t, first.folder)
  t.same(gapsOf(again.spill), [{ cause: 'tally-damaged', count: 0 }])
  await again.spill.close()
})

t.test('a process that ends while one file takes the place of another loses nothing and counts nothing', async t => {
  const first = await opened(t)
  await keepAll(first.spill)
  await first.spill.close()
  // The next one gets as far as its tally.
  mkdirSync(`${first.rows}.new`)
  await t.rejects(opened(t, first.folder), { code: 'EISDIR' })
  rmSync(`${first.rows}.new`, { recursive: true })
  const again = await opened(t, first.folder)
  const full = readFileSync(first.rows)
  t.same(await takeAll(again.spill), NAMES)
  await again.spill.close()
  t.same(again.damages, [])
  // Without its last slot the tally is as it was before the file was emptied.
  const gaps = []
  for (const slot of [0, 1]) {
    const folder = leftBehind(t, first.folder)
    const tally = readFileSync(join(folder, 'rows.tally'))
    tally.fill(0, slot * (tally.length / 2), (slot + 1) * (tally.length / 2))
    writeFileSync(join(folder, 'rows.tally'), tally)
    writeFileSync(join(folder, 'rows.spill'), full)
    const third = await opened(t, folder)
    gaps.push(gapsOf(third.spill).length)
    await third.spill.close()
  }
  t.same(gaps.sort(), [0, 1])
})

t.test('a changed byte loses its own row and no other, whenever it is changed', async t => {
  for (const isAlive of [true, false]) {
    const first = await opened(t)
    await keepAll(first.spill, ['one', 'two'])
    const at = statSync(first.rows).size + 40
    await keepAll(first.spill, ['three', 'four', 'five'])
    if (!isAlive) await first.spill.close()
    const bytes = readFileSync(first.rows)
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    writeFileSync(first.rows, bytes)
    const { spill } = isAlive ? first : await opened(t, first.folder)
    t.same(await takeAll(spill), ['one', 'two', 'four', 'five'])
    t.same(gapsOf(spill), [{ cause: 'spill-damaged', count: 1 }])
    await spill.close()
    const after = await opened(t, first.folder)
    t.same(gapsOf(after.spill), [{ cause: 'spill-damaged', count: 1 }], 'and it is not counted again')
    await after.spill.close()
  }
})

t.test('the count of what was kept is missing or changed: a gap says that it is not known', async t => {
  const breakIt: Record<string, (path: string) => void> = {
    removed: rmSync,
    changed: path => {
      writeFileSync(
        path,
        readFileSync(path).map((byte, index) => (index > 36 ? byte ^ 1 : byte))
      )
    },
    emptied: path => {
      truncateSync(path, 0)
    }
  }
  for (const [how, change] of Object.entries(breakIt)) {
    const first = await opened(t)
    await keepAll(first.spill)
    await first.spill.close()
    change(join(first.folder, 'rows.tally'))
    const again = await opened(t, first.folder)
    t.same(gapsOf(again.spill), [{ cause: 'tally-damaged', count: 0 }], how)
    t.same(await takeAll(again.spill), NAMES, 'what is there is written')
    await again.spill.close()
  }
})

t.test('an entry of another file, or from another place, is none', async t => {
  const other = await opened(t)
  await keepAll(other.spill)
  await other.spill.close()
  const own = await opened(t)
  await keepAll(own.spill)
  await own.spill.close()
  const [theirs, ours] = [readFileSync(other.rows), readFileSync(own.rows)]
  writeFileSync(own.rows, Buffer.concat([ours.subarray(0, 56), theirs.subarray(56)]))
  const again = await opened(t, own.folder)
  t.same(await takeAll(again.spill), [])
  t.same(gapsOf(again.spill), [{ cause: 'spill-damaged', count: 5 }])
  await again.spill.close()
})

t.test('a write that was cut off by the end of the process was not acknowledged, and is no gap', async t => {
  const first = await opened(t)
  await keepAll(first.spill, ['one'])
  copyFileSync(join(first.folder, 'rows.tally'), join(first.folder, 'tally-of-one'))
  await keepAll(first.spill, ['two'])
  await first.spill.close()
  copyFileSync(join(first.folder, 'tally-of-one'), join(first.folder, 'rows.tally'))
  truncateSync(first.rows, statSync(first.rows).size - 5)
  const again = await opened(t, first.folder)
  t.same(await takeAll(again.spill), ['one'])
  t.same(gapsOf(again.spill), [])
  await again.spill.close()
})

t.test('a full file refuses, keeps what it has, and takes rows again once it is empty', async t => {
  const { spill } = await opened(t, undefined, { maxBytes: 4096 })
  let kept = 0
  await t.rejects(async () => {
    for (; kept < 100; kept++) await spill.keep([sampleRecord(`row ${kept}`)])
  }, /the spill is full/)
  t.equal(spill.waiting(), kept)
  t.equal((await takeAll(spill)).length, kept)
  await keepAll(spill, ['after'])
  t.same(await takeAll(spill), ['after'])
  await spill.close()
})

t.test('the count of missing rows outlives a process that does not end in order', async t => {
  const { spill, folder } = await opened(t)
  for (let n = 0; n < 7; n++) spill.addGap('dropped', 'reads', 1)
  const [outgoing] = spill.closeGaps()
  spill.addGap('dropped', 'reads', 2)
  const again = await opened(t, leftBehind(t, folder))
  const [left, ...others] = again.spill.closeGaps()
  t.same(
    [left?.id === outgoing?.id, left?.count, others],
    [true, 7, []],
    'one whose row may have been written is first'
  )
  if (left !== undefined) again.spill.gapWritten(left)
  t.same(gapsOf(again.spill), [{ cause: 'dropped', count: 2 }])
  await again.spill.close()
  await spill.close()
})

t.test('a write of the count that is cut off leaves the count before it', async t => {
  const { spill, folder } = await opened(t)
  const tally = join(folder, 'rows.tally')
  spill.addGap('dropped', 'reads', 5)
  const before = readFileSync(tally)
  spill.addGap('dropped', 'reads', 1)
  const after = readFileSync(tally)
  const half = after.length / 2
  const place = before.subarray(0, half).equals(after.subarray(0, half)) ? half : 0
  // As far as the middle of the slot the new state is there.
  writeFileSync(tally, Buffer.concat([after.subarray(0, place + 100), before.subarray(place + 100)]))
  const again = await opened(t, leftBehind(t, folder))
  t.same(gapsOf(again.spill), [{ cause: 'dropped', count: 5 }])
  await again.spill.close()
  await spill.close()
})

t.test('a folder that is in use is refused at boot with its name, and free once it is closed', async t => {
  const { spill, folder } = await opened(t)
  await keepAll(spill)
  await t.rejects(opened(t, folder), {
    code: 'SALLYPORT_AUDIT_SPILL_HELD',
    message: `Another process keeps audit rows in ${folder}: give each process a folder of its own`
  })
  await spill.close()
  const { spill: next } = await opened(t, folder)
  t.same(await takeAll(next), NAMES)
  await next.close()
})

t.test('a folder that could not be opened is not kept from the next process', async t => {
  const { spill, folder } = await opened(t)
  await keepAll(spill)
  await spill.close()
  const keys = [{ id: 'k9', key: randomBytes(32) }]
  await t.rejects(opened(t, folder, { keys }), { code: 'SALLYPORT_AUDIT_SPILL_LOCKED' })
  const { spill: next } = await opened(t, folder)
  t.same(await takeAll(next), NAMES)
  await next.close()
})
