import t from 'tap'
import { createBatchWriter } from '../../../plugins/audit-log/src/batch-writer.ts'
import type { AuditRecord } from '@sallyport/audit-log'

const record = (id: string): AuditRecord => ({ id }) as AuditRecord
const BOUNDS = { timeoutMs: 60_000, maxWaiting: 1000, insertAgain: () => Promise.reject(new Error('nothing failed')) }

t.test('records that arrive during an insert go together in the next', async t => {
  const batches: string[][] = []
  const gates: (() => void)[] = []
  const { write } = createBatchWriter({
    ...BOUNDS,
    insert: async records => {
      batches.push(records.map(({ id }) => id))
      await new Promise<void>(resolve => {
        gates.push(resolve)
      })
    }
  })
  const all = ['a', 'b', 'c'].map(id => write([record(id)]))
  gates[0]?.()
  await all[0]
  await new Promise(setImmediate)
  t.same(batches, [['a'], ['b', 'c']])
  gates[1]?.()
  await Promise.all(all)
})

t.test('many records that wait go beside the insert under way, and no third insert beside the two', async t => {
  const batches: number[] = []
  const gates: (() => void)[] = []
  const { write } = createBatchWriter({
    ...BOUNDS,
    insert: async records => {
      batches.push(records.length)
      await new Promise<void>(resolve => {
        gates.push(resolve)
      })
    }
  })
  const many = async (count: number): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, async () => write([record('a')])))
  const first = many(16)
  await new Promise(setImmediate)
  t.same(batches, [1], 'fifteen are not worth a second insert')
  const second = many(5)
  await new Promise(setImmediate)
  t.same(batches, [1, 20])
  const third = many(40)
  await new Promise(setImmediate)
  t.same(batches, [1, 20], 'two at a time')
  gates[0]?.()
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.same(batches, [1, 20, 40])
  for (const open of gates) open()
  await Promise.all([first, second, third])
})

t.test('what many wait for goes in halves, so that the process and the database work at the same time', async t => {
  const batches: number[] = []
  const { write } = createBatchWriter({
    ...BOUNDS,
    insert: async records => {
      batches.push(records.length)
      await new Promise(setImmediate)
      await new Promise(setImmediate)
      await new Promise(setImmediate)
    }
  })
  await Promise.all(
    Array.from({ length: 65 }, async () => {
      for (let row = 0; row < 2; row++) await write([record('a')])
    })
  )
  t.same(batches, [1, 64, 33, 32])
})

t.test('what the answers to a batch cause goes into the next one together', async t => {
  const batches: number[] = []
  const { write } = createBatchWriter({
    ...BOUNDS,
    insert: async records => {
      batches.push(records.length)
      await new Promise(setImmediate)
    }
  })
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let row = 0; row < 3; row++) await write([record('a')])
    })
  )
  t.same(batches, [1, 8, 8, 7])
})

t.test('a record that cannot be inserted fails its own request only', async t => {
  const written: string[] = []
  const insert = async (records: readonly AuditRecord[]): Promise<void> => {
    await new Promise(setImmediate)
    if (records.some(({ id }) => id === 'bad')) throw new Error('refused')
    written.push(...records.map(({ id }) => id))
  }
  const { write } = createBatchWriter({ ...BOUNDS, insert, insertAgain: insert })
  const results = await Promise.allSettled(['first', 'good', 'bad', 'fine'].map(id => write([record(id)])))
  t.same(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled']
  )
  t.same(written.sort(), ['fine', 'first', 'good'])
})

t.test('an insert that never answers fails its own records, and the next one does not wait for it', async t => {
  const batches: string[][] = []
  const { write, counts } = createBatchWriter({
    ...BOUNDS,
    timeoutMs: 20,
    maxWaiting: 10,
    insert: async records => {
      batches.push(records.map(({ id }) => id))
      if (batches.length === 1) await new Promise(() => {})
    }
  })
  const hung = write([record('hung')])
  const next = [write([record('a')]), write([record('b')])]
  await t.rejects(hung, { code: 'ETIMEDOUT' })
  await Promise.all(next)
  t.same(batches, [['hung'], ['a', 'b']], 'and it is not tried again')
  t.same(counts(), { waiting: 0, refused: 0, givenUp: 1 })
})

t.test('so many records wait at most, and what is refused is counted', async t => {
  const gates: (() => void)[] = []
  const { write, counts } = createBatchWriter({
    ...BOUNDS,
    maxWaiting: 3,
    insert: async () =>
      new Promise<void>(resolve => {
        gates.push(resolve)
      })
  })
  const all = ['a', 'b', 'c', 'd', 'e', 'f'].map(async id => write([record(id)]))
  const results = Promise.allSettled(all)
  t.same(counts(), { waiting: 3, refused: 2, givenUp: 0 })
  gates[0]?.()
  await all[0]
  await new Promise(setImmediate)
  gates[1]?.()
  t.same(
    (await results).map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected']
  )
  t.same(counts(), { waiting: 0, refused: 2, givenUp: 0 })
})
