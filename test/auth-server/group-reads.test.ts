import type { Knex } from 'knex'
import t from 'tap'
import { groupReads } from '../../auth-server/src/store/postgres/group-reads.ts'

const POOL = { isTransaction: undefined } as unknown as Knex
const TRANSACTION = { isTransaction: true } as unknown as Knex

/** Statements that the test answers itself. */
function statements(): {
  readonly asked: string[][]
  readonly answers: Array<(error?: unknown) => void>
  readonly read: (keys: readonly string[]) => Promise<(key: string) => string>
} {
  const asked: string[][] = []
  const answers: Array<(error?: unknown) => void> = []
  return {
    asked,
    answers,
    read: async keys => {
      asked.push([...keys])
      await new Promise<void>((resolve, reject) => {
        answers.push(error => {
          if (error === undefined) resolve()
          else reject(error instanceof Error ? error : new Error(String(error)))
        })
      })
      return key => `row of ${key}`
    }
  }
}

const turn = async (): Promise<void> => new Promise(setImmediate)

t.test('reads that are asked for together go together, and each gets its own answer', async t => {
  const { asked, answers, read } = statements()
  const find = groupReads(POOL, read)
  const found = Promise.all(['a', 'b'].map(async key => find(key)))
  await turn()
  t.same(asked, [['a', 'b']])
  const later = Promise.all(['c', 'a'].map(async key => find(key)))
  await turn()
  t.equal(asked.length, 1, 'what comes later waits, and is not answered by what was asked before it')
  answers[0]?.()
  t.same(await found, ['row of a', 'row of b'])
  await turn()
  t.same(asked[1], ['c', 'a'])
  answers[1]?.()
  t.same(await later, ['row of c', 'row of a'])
})

t.test('many reads that wait go beside the statement under way', async t => {
  const { asked, answers, read } = statements()
  const find = groupReads(POOL, read)
  const first = find('a')
  await turn()
  const many = Promise.all(Array.from({ length: 8 }, async (_, index) => find(`${index}`)))
  await turn()
  t.same(
    asked.map(({ length }) => length),
    [1, 8]
  )
  for (const answer of answers) answer()
  await Promise.all([first, many])
})

t.test('a failure of the database is a failure of all that asked', async t => {
  const { answers, read } = statements()
  const find = groupReads(POOL, read)
  const found = Promise.allSettled(['a', 'b'].map(async key => find(key)))
  await turn()
  answers[0]?.(new Error('the connection is gone'))
  t.same(
    (await found).map(({ status }) => status),
    ['rejected', 'rejected']
  )
  const next = find('c')
  await turn()
  answers[1]?.()
  t.equal(await next, 'row of c', 'and of nobody after them')
})

t.test('a key that the database cannot take fails by itself', async t => {
  const asked: string[][] = []
  const find = groupReads(POOL, async (keys: readonly string[]) => {
    asked.push([...keys])
    if (keys.includes('\0')) throw Object.assign(new Error('invalid byte sequence'), { code: '22021' })
    return key => `row of ${key}`
  })
  const found = await Promise.allSettled(['a', '\0', 'b'].map(async key => find(key)))
  t.same(
    found.map(result => (result.status === 'fulfilled' ? result.value : 'failed')),
    ['row of a', 'failed', 'row of b']
  )
  t.same(asked, [['a', '\0', 'b'], ['a'], ['\0'], ['b']])
})

t.test('in a transaction each read goes by itself, at once', async t => {
  const { asked, answers, read } = statements()
  const find = groupReads(TRANSACTION, read)
  const found = Promise.all(['a', 'b'].map(async key => find(key)))
  t.same(asked, [['a'], ['b']])
  for (const answer of answers) answer()
  t.same(await found, ['row of a', 'row of b'])
})
