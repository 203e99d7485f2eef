import t from 'tap'
import { createBatchWriter } from '../../../plugins/audit-log/src/batch-writer.ts'
import type { AuditRecord } from '@sallyport/audit-log'

const record = (id: string): AuditRecord => ({ id }) as AuditRecord

t.test('records that arrive during an insert go together in the next', async t => {
  const batches: string[][] = []
  const gates: (() => void)[] = []
  const write = createBatchWriter(async records => {
    batches.push(records.map(({ id }) => id))
    await new Promise<void>(resolve => { gates.push(resolve) })
  })
  const all = ['a', 'b', 'c'].map(id => write([record(id)]))
  gates[0]?.()
  await all[0]
  await new Promise(setImmediate)
  t.same(batches, [['a'], ['b', 'c']])
  gates[1]?.()
  await Promise.all(all)
})

t.test('a record that cannot be inserted fails its own request only', async t => {
  const written: string[] = []
  const write = createBatchWriter(async records => {
    await new Promise(setImmediate)
    if (records.some(({ id }) => id === 'bad')) throw new Error('refused')
    written.push(...records.map(({ id }) => id))
  })
  const results = await Promise.allSettled(['first', 'good', 'bad', 'fine'].map(id => write([record(id)])))
  t.same(results.map(({ status }) => status), ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  t.same(written.sort(), ['fine', 'first', 'good'])
})
