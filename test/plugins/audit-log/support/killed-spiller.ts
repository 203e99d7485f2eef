// Child process of spill-kill.test.ts: keeps rows and takes them out again, says what is acknowledged, and stands still
// before the given step, to be killed there.
import fs from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { sampleRecord } from '../../../support/sample-record.ts'

const [, , folder = '', keyText = '', step = '', place = ''] = process.argv
const STEP_AT = Number(place)
const ROWS_OF_A_ROUND = 10
const isStopping = { armed: false, left: STEP_AT }

/** Tells the parent; nothing runs here any more. */
function standStill(): never {
  process.send?.({ reached: step })
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
function isHere(name: string): boolean {
  return isStopping.armed && name === step && isStopping.left-- === 1
}

type Method = 'write' | 'datasync' | 'truncate'
const probe = await open(`${folder}/probe`, 'w')
const prototype = Object.getPrototypeOf(probe) as Record<Method, (...given: unknown[]) => Promise<unknown>>
for (const method of ['write', 'datasync', 'truncate'] satisfies Method[]) {
  const original = prototype[method]
  prototype[method] = async function stopped(this: FileHandle, ...given: unknown[]) {
    if (method === 'write' && isHere('half-write')) {
      const [bytes, from, length, position] = given as [Buffer, number, number, number]
      await original.call(this, bytes, from, Math.floor(length / 2), position)
      standStill()
    }
    if (isHere(method)) standStill()
    return await original.call(this, ...given)
  }
}
await probe.close()
const { writeSync, fdatasync } = fs
fs.writeSync = ((...given: Parameters<typeof writeSync>) => {
  if (isHere('tally')) standStill()
  return writeSync(...given)
}) as typeof writeSync
fs.fdatasync = ((file: number, done: () => void) => {
  if (isHere('tally-sync')) standStill()
  else fdatasync(file, done)
}) as typeof fdatasync
syncBuiltinESMExports()

// Imported now, so that it gets what is changed above.
const { openSpill } = await import('../../../../plugins/audit-log/src/outage/spill.ts')
const keys = [{ id: 'k1', key: Buffer.from(keyText, 'base64url') }]
const spill = await openSpill({ folder, keys, maxBytes: 1 << 20, clock: Date.now, onDamage: () => {} })
isStopping.armed = true
for (let row = 0; ;) {
  for (let n = 0; n < ROWS_OF_A_ROUND; n++, row++) {
    await spill.keep([sampleRecord(`row ${row}`)])
    process.send?.({ acknowledged: row })
  }
  for (let rows = await spill.next(); rows !== null; rows = await spill.next()) {
    // The trail has them now.
    process.send?.({ written: rows.records.map(({ action }) => action) })
    await spill.replayed(rows)
  }
}
