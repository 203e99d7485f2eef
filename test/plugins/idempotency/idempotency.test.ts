import idempotency, { errors, pruneIdempotency } from '@sallyport/idempotency'
import type { Schedule } from '@sallyport/security-context/mechanics'
import { problemDetails } from '@sallyport/security-context'
import Fastify from 'fastify'
import type { Knex } from 'knex'
import t from 'tap'
import { errorsTableEquals } from '../../support/errors-table.ts'
import { pay, paymentsApp, paymentsDatabase, pool } from './support/payments.ts'

const KEY = '"8e03978e-40d5-43e8-bc93-6894a57f9324"'
const count = async (db: Knex, table = 'payments'): Promise<number> => Number((await db(table).count())[0]?.count)

t.test('the errors table of the README is what errors.ts has', async t => {
  errorsTableEquals(t, 'plugins/idempotency/README.md', errors)
})

t.test('a repetition has no second effect and gets the same answer, byte for byte, and says so', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const app = await paymentsApp(t, pool(t, url))
  const first = await pay(app, KEY)
  t.equal(first.statusCode, 201)
  t.notOk('idempotent-replayed' in first.headers)
  const again = await pay(app, KEY, { payload: { cents: 1e2 } })
  t.equal(again.statusCode, 201)
  t.equal(again.body, first.body)
  t.equal(again.headers.location, first.headers.location)
  t.equal(again.headers['content-type'], first.headers['content-type'])
  t.equal(again.headers['idempotent-replayed'], 'true')
  t.equal(await count(owner), 1)
})

t.test('a key without quotes is the same key', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const app = await paymentsApp(t, pool(t, url))
  const first = await pay(app, KEY)
  t.equal((await pay(app, KEY.slice(1, -1))).body, first.body)
  t.equal(await count(owner), 1)
})

t.test('the order of members in the body says nothing, their values do: 422', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const app = await paymentsApp(t, pool(t, url))
  const first = await pay(app, KEY, { payload: { cents: 5, note: { a: 1, b: [1, 2] } } })
  t.equal((await pay(app, KEY, { payload: { note: { b: [1, 2], a: 1 }, cents: 5 } })).body, first.body)
  for (const payload of [{ cents: 6 }, { cents: 5, note: { a: 1, b: [2, 1] } }, { cents: 5 }]) {
    const other = await pay(app, KEY, { payload })
    t.equal(other.statusCode, 422)
    t.equal(other.json().code, 'SALLYPORT_IDEMPOTENCY_KEY_REUSED')
  }
  t.equal(await count(owner), 1)
})

t.test('the same key of another subject, client or issuer is another key', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const app = await paymentsApp(t, pool(t, url))
  const bodies = [
    await pay(app, KEY),
    await pay(app, KEY, { subject: 'bob' }),
    await pay(app, KEY, { clientId: 'mobile' }),
    await pay(app, KEY, { issuer: 'https://other.example' })
  ].map(answer => answer.body)
  t.equal(new Set(bodies).size, 4)
  t.equal(await count(owner), 4)
  t.notMatch(JSON.stringify(await owner('idempotency_records')), '8e03978e', 'the key itself is not stored')
})

t.test('a required key that is missing, and any key that is malformed, is 400 and has no effect', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const app = await paymentsApp(t, pool(t, url))
  const missing = await pay(app, null)
  t.same([missing.statusCode, missing.json().code], [400, 'SALLYPORT_IDEMPOTENCY_KEY_MISSING'])
  const malformed = ['', '""', '"', 'a b', '"a"b', '"a";x=1', '"a", "b"', '"a\\b"', 'ü', '"ü"', 'x'.repeat(256), '?1']
  for (const key of malformed) {
    const answer = await pay(app, key)
    t.same([answer.statusCode, answer.json().code], [400, 'SALLYPORT_IDEMPOTENCY_KEY_INVALID'], JSON.stringify(key))
  }
  t.equal(await count(owner), 0)
  for (const key of ['a', '"a b"', '"a\\"b\\\\"', 'x'.repeat(255)]) t.equal((await pay(app, key)).statusCode, 201, key)
})

t.test('Z09: the policy is asked before each replay: what is no longer allowed is not told again', async t => {
  const { owner, url } = await paymentsDatabase(t)
  let frozen = false
  const app = await paymentsApp(t, pool(t, url), { isFrozen: () => frozen })
  const first = await pay(app, KEY)
  const unscoped = await pay(app, KEY, { scopes: [] })
  frozen = true
  const refused = await pay(app, KEY)
  t.same([unscoped.statusCode, refused.statusCode], [403, 404])
  t.notMatch(unscoped.body + refused.body, first.json().paymentId)
  frozen = false
  t.equal((await pay(app, KEY)).body, first.body)
  t.equal(await count(owner), 1)
})

t.test('what was refused or rolled back leaves nothing: the next try is the first', async t => {
  const { owner, url } = await paymentsDatabase(t)
  let fails = true
  const app = await paymentsApp(t, pool(t, url), {
    beforeCommit: async () => {
      if (fails) throw Object.assign(new Error('not enough money'), { statusCode: 409 })
    }
  })
  t.equal((await pay(app, KEY, { payload: {} })).statusCode, 400)
  t.equal((await pay(app, KEY)).statusCode, 409)
  t.equal(await count(owner, 'idempotency_records'), 0)
  fails = false
  t.equal((await pay(app, KEY, { payload: { cents: 7 } })).statusCode, 201)
  t.equal(await count(owner), 1)
})

t.test('fifty at once with one key are one payment: the others are told to wait, or get the same answer', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const app = await paymentsApp(t, pool(t, url, 10))
  const answers = await Promise.all(Array.from({ length: 50 }, () => pay(app, KEY)))
  t.equal(await count(owner), 1)
  const bodies = new Set(answers.filter(({ statusCode }) => statusCode === 201).map(({ body }) => body))
  t.equal(bodies.size, 1)
  for (const { statusCode, headers, json } of answers) {
    if (statusCode === 201) continue
    t.same([statusCode, json().code, headers['retry-after']], [409, 'SALLYPORT_IDEMPOTENCY_IN_PROGRESS', '1'])
  }
})

t.test('a request whose key is in use is refused without waiting for it', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const held = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  const app = await paymentsApp(t, pool(t, url), {
    beforeCommit: async () => {
      reached.resolve()
      await held.promise
    }
  })
  const first = pay(app, KEY)
  await reached.promise
  t.equal((await pay(app, KEY)).statusCode, 409)
  held.resolve()
  t.equal((await first).statusCode, 201)
  t.equal(await count(owner), 1)
})

t.test('an expired key is a new one, and its record goes with all that it says', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const runs: Array<() => Promise<void>> = []
  const schedule: Schedule = run => {
    runs.push(run)
    return { stop: () => {} }
  }
  const db = pool(t, url)
  const app = await paymentsApp(t, db, {}, { schedule })
  const first = await pay(app, KEY)
  const expire = async (): Promise<void> => {
    await owner('idempotency_records').update({ expires_at: owner.raw('now()') })
  }
  await expire()
  const second = await pay(app, KEY, { payload: { cents: 8 } })
  t.equal(second.statusCode, 201)
  t.not(second.body, first.body)
  t.equal((await pay(app, KEY, { payload: { cents: 8 } })).body, second.body)
  t.equal(await count(owner, 'idempotency_records'), 1)
  await runs[0]?.()
  t.equal(await count(owner, 'idempotency_records'), 1, 'what has not expired stays')
  await expire()
  await runs[0]?.()
  t.equal(await count(owner, 'idempotency_records'), 0)
  t.equal(await pruneIdempotency(db), 0)
})

t.test('records that cannot be read are 503: nothing is done under a key that nobody can look up', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const app = await paymentsApp(t, pool(t, url))
  await owner.raw('alter table idempotency_records rename to gone')
  const answer = await pay(app, KEY)
  t.same(
    [answer.statusCode, answer.json().code, answer.headers['retry-after']],
    [503, 'SALLYPORT_IDEMPOTENCY_UNAVAILABLE', '5']
  )
  t.equal(await count(owner), 0)
})

t.test('an answer that is too large to be kept undoes its effect', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const app = await paymentsApp(t, pool(t, url), {}, { maxAnswerBytes: 300 })
  const answer = await pay(app, KEY, { payload: { cents: 1, note: 'x'.repeat(300) } })
  t.same([answer.statusCode, answer.json().code], [500, 'SALLYPORT_IDEMPOTENCY_ANSWER_TOO_LARGE'])
  t.equal(await count(owner), 0)
  t.equal((await pay(app, KEY)).statusCode, 201)
})

t.test('it works in an app without anything else of ours, with whatever fills the principal', async t => {
  const { owner, url } = await paymentsDatabase(t)
  const db = pool(t, url)
  const app = Fastify()
  t.after(async () => app.close())
  app.decorateRequest('principal', null)
  app.addHook('onRequest', async request => {
    request.principal = { subject: 'alice', issuer: null, clientId: null } as typeof request.principal
  })
  await app.register(idempotency, { db, prune: false })
  app.post('/payments', { config: { idempotency: 'optional' } }, async request => {
    const body = { cents: 1 }
    await db.transaction(async trx => {
      await request.idempotency.claim(trx)
      await trx('payments').insert({ payment_id: trx.raw('gen_random_uuid()'), subject: 'alice', cents: 1 })
      await request.idempotency.store(trx, { status: 200, body })
    })
    return body
  })
  const send = async (key: string | null) =>
    app.inject({ method: 'POST', url: '/payments', headers: key === null ? {} : { 'idempotency-key': key } })
  t.equal((await send(KEY)).statusCode, 200)
  t.equal((await send(KEY)).headers['idempotent-replayed'], 'true')
  t.equal(await count(owner), 1)
  t.equal((await send(null)).statusCode, 200, 'without a key everything is as ever')
  t.equal((await send(null)).statusCode, 200)
  t.equal(await count(owner), 3)
})

t.test('a handler that succeeds without claiming the key is found out by its first request', async t => {
  const { url } = await paymentsDatabase(t)
  const app = Fastify()
  t.after(async () => app.close())
  app.decorateRequest('principal', null)
  app.addHook('onRequest', async request => {
    request.principal = { subject: 'alice', issuer: null, clientId: null } as typeof request.principal
  })
  const db = pool(t, url)
  await app.register(problemDetails)
  await app.register(idempotency, { db, prune: false })
  app.post('/forgets', { config: { idempotency: 'optional' } }, async () => ({ done: true }))
  app.post('/outside', { config: { idempotency: 'optional' } }, async request => {
    await request.idempotency.claim(db)
    return {}
  })
  app.post('/early', { config: { idempotency: 'optional' } }, async request => {
    await request.idempotency.store(db, { status: 200, body: {} })
    return {}
  })
  app.post('/cookie', { config: { idempotency: 'optional' } }, async request =>
    db.transaction(async trx => {
      await request.idempotency.claim(trx)
      await request.idempotency.store(trx, { status: 200, headers: { 'Set-Cookie': 'a=b' } })
    })
  )
  app.post('/undeclared', async request => request.idempotency.earlier)
  const send = async (path: string) => {
    const answer = await app.inject({ method: 'POST', url: path, headers: { 'idempotency-key': KEY } })
    return [answer.statusCode, answer.json().code]
  }
  t.same(await send('/forgets'), [500, 'SALLYPORT_IDEMPOTENCY_KEY_UNCLAIMED'])
  for (const path of ['/outside', '/early', '/cookie', '/undeclared']) {
    t.same(await send(path), [500, 'SALLYPORT_IDEMPOTENCY_MISUSE'], path)
  }
})

t.test('declarations that cannot work fail the boot, all at once, and so do wrong options', async t => {
  const { url } = await paymentsDatabase(t)
  const db = pool(t, url)
  const app = Fastify()
  t.after(async () => app.close())
  app.decorateRequest('principal', null)
  await app.register(idempotency, { db, prune: false })
  app.get('/read', { config: { idempotency: 'optional' }, exposeHeadRoute: false }, async () => ({}))
  app.post('/open', { config: { idempotency: 'required', access: 'public' } }, async () => ({}))
  app.post('/odd', { config: { idempotency: 'sometimes' as 'optional' } }, async () => ({}))
  await t.rejects(async () => app.ready(), {
    code: 'SALLYPORT_IDEMPOTENCY_ROUTES_INVALID',
    message: /GET \/read: .*; POST \/odd: .*; POST \/open: /
  })
  const other = Fastify()
  other.decorateRequest('principal', null)
  await t.rejects(async () => other.register(idempotency, { db, timeoutMs: 0, prune: { intervalMs: -1 } }), {
    code: 'SALLYPORT_IDEMPOTENCY_OPTIONS_INVALID',
    message: /timeoutMs.*prune/
  })
})
