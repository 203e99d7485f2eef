import t from 'tap'
import { request } from 'undici'
import { GOOD, orderRoute, startEdge, until } from '../support/edge.ts'

const LOGIN = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ username: 'alice', password: 'pass phrase' })
} as const

t.test('the file of routes says from when on writes are shed, then reads, and last logins', async t => {
  const table = (origin: string, maxPending: number) => ({
    upstreams: { orders: { origin } },
    shedding: { maxPending },
    routes: [orderRoute()]
  })
  const { app, url, orders } = await startEdge(t, {
    table: origin => table(origin, 3),
    tokenClient: {
      password: async () => {
        throw Object.assign(new Error('no'), { code: 'SALLYPORT_TOKEN_REJECTED' })
      }
    }
  })
  const answers: Array<() => void> = []
  orders.answer = () => new Promise(resolve => answers.push(() => resolve({ ok: true })))
  const statuses = async (): Promise<number[]> => {
    const asked = [
      request(`${url}/login`, LOGIN),
      request(`${url}/nothing`, { headers: GOOD }),
      request(`${url}/nothing`, { method: 'POST', headers: GOOD })
    ]
    const all: number[] = []
    for (const each of asked) {
      const { statusCode, body } = await each
      await body.dump()
      all.push(statusCode)
    }
    return all
  }
  const held = [request(`${url}/orders`, { headers: GOOD })]
  await until(() => answers.length === 1)
  held.push(request(`${url}/orders`, { headers: GOOD }))
  await until(() => answers.length === 2)
  const [login, read, write] = [
    await request(`${url}/login`, LOGIN),
    await request(`${url}/nothing`, { headers: GOOD }),
    await request(`${url}/nothing`, { method: 'POST', headers: GOOD })
  ]
  t.equal(login.statusCode, 401)
  t.same([read.statusCode, write.statusCode], [503, 503])
  t.ok(read.headers['retry-after'])
  t.equal(write.headers['x-content-type-options'], 'nosniff')
  t.equal((await app.operations.inject('/health/live')).statusCode, 200)
  app.forwarding.replace(table(orders.origin, 100))
  t.notOk((await statuses()).includes(503), 'the file is followed')
  for (const answer of answers) answer()
  await Promise.all(held)
})
