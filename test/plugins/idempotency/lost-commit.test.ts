// What breaks between the first request and the answer: a retry with the same key ends in exactly one effect.
import t from 'tap'
import { faultProxy } from '@sallyport/testing'
import { pay, paymentsApp, paymentsDatabase, pool } from './support/payments.ts'

const KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'

for (const [mode, left] of [
  ['cut-before-commit', 0],
  ['cut-after-commit', 1]
] as const) {
  t.test(`a payment that was ${mode} is made once, when it is tried again`, async t => {
    const { owner, url } = await paymentsDatabase(t)
    const proxy = await faultProxy(t, url)
    const app = await paymentsApp(t, pool(t, proxy.url))
    proxy.set(mode, 'insert into "payments"')
    const lost = await pay(app, KEY)
    t.same([lost.statusCode, lost.json().code], [503, 'SALLYPORT_STORAGE_UNAVAILABLE'])
    t.equal(proxy.strikes(), 1)
    t.equal((await owner('payments')).length, left)
    t.equal((await owner('idempotency_records')).length, left)
    const again = await pay(app, KEY)
    t.equal(again.statusCode, 201)
    t.equal(again.headers['idempotent-replayed'], left === 1 ? 'true' : undefined)
    const [payment, ...more] = await owner('payments')
    t.same(more, [])
    t.equal(again.json().paymentId, payment.payment_id)
    t.equal((await pay(app, KEY)).body, again.body)
  })
}

t.test('a transaction that is killed in the middle lets go of its key', async t => {
  const { owner, url } = await paymentsDatabase(t)
  let kills = true
  const app = await paymentsApp(t, pool(t, url), {
    beforeCommit: async trx => {
      if (!kills) return
      const { rows } = await trx.raw('select pg_backend_pid() as pid')
      await owner.raw('select pg_terminate_backend(?)', [rows[0].pid])
    }
  })
  t.equal((await pay(app, KEY)).statusCode, 503)
  t.equal((await owner('payments')).length, 0)
  kills = false
  // The pool may hand out the connection that was killed until it has noticed.
  let again = await pay(app, KEY)
  for (let tries = 0; again.statusCode === 503 && tries < 5; tries += 1) again = await pay(app, KEY)
  t.equal(again.statusCode, 201)
  t.equal((await owner('payments')).length, 1)
})

t.test('a database that is silent is 503 in time, and nothing is done', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const proxy = await faultProxy(t, url)
  const app = await paymentsApp(t, pool(t, proxy.url), {}, { timeoutMs: 1500 })
  t.equal((await pay(app, '"warm"')).statusCode, 201)
  proxy.set('silent')
  const answer = await pay(app, KEY)
  t.same([answer.statusCode, answer.json().code], [503, 'SALLYPORT_IDEMPOTENCY_UNAVAILABLE'])
  proxy.set('stopped')
  t.equal((await owner('payments')).length, 1)
})
