// After security-context.test.ts, which begins in a process where nobody follows requests.
import Fastify from 'fastify'
import securityContext, { callTogether, followedRequest } from '@sallyport/security-context'
import t from 'tap'

const failure = (code: string): Error => Object.assign(new Error('planned'), { code })

/** Calls with numbers that answer with their double; one with a negative number fails as a whole. */
function doubling(code = '22003') {
  const calls: number[][] = []
  const double = callTogether(async (numbers: readonly number[]) => {
    calls.push([...numbers])
    if (numbers.some(number => number < 0)) throw failure(code)
    return number => number * 2
  })
  return { calls, double }
}

t.test('what is asked for together goes together, and each gets its own answer', async t => {
  const { calls, double } = doubling()
  t.strictSame(await Promise.all([1, 2, 3].map(double)), [2, 4, 6])
  t.strictSame(calls, [[1, 2, 3]])
})

t.test('what the database cannot take, or a constraint refuses, fails nobody else', async t => {
  for (const code of ['22021', '23514', '23505']) {
    const { calls, double } = doubling(code)
    const answers = await Promise.allSettled([1, -1, 3].map(double))
    t.match(answers, [{ value: 2 }, { status: 'rejected', reason: { code } }, { value: 6 }], code)
    t.strictSame(calls, [[1, -1, 3], [1], [-1], [3]])
  }
})

t.test('any other failure is one of all, and is not tried again', async t => {
  for (const code of ['40P01', '57014', '08006', 'ECONNRESET']) {
    const { calls, double } = doubling(code)
    const answers = await Promise.allSettled([1, -1].map(double))
    t.match(answers, [{ status: 'rejected' }, { status: 'rejected', reason: { code } }], code)
    t.equal(calls.length, 1)
  }
})

t.test('a call belongs to none of the requests that wait for it, so the time of none is its limit', async t => {
  const app = Fastify()
  await app.register(securityContext, { txn: () => null, followRequests: true })
  const askedOf: unknown[] = []
  const call = callTogether(async () => {
    askedOf.push(followedRequest())
    return () => followedRequest()
  })
  app.get('/', async request => {
    t.equal(followedRequest(), request)
    await call(1)
    return {}
  })
  t.after(() => app.close())
  await Promise.all([app.inject('/'), app.inject('/')])
  t.ok(askedOf.length > 0)
  t.ok(askedOf.every(request => request === null))
})
