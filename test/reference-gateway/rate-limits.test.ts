import { request } from 'undici'
import t from 'tap'
import { failures, GOOD, oneRoute, startEdge } from '../support/edge.ts'

t.test('guesses of tokens count for their source before anything looks at them, and are in the trail', async t => {
  const table = (origin: string) => ({
    ...oneRoute({ rateLimits: ['source', 'caller'] })(origin),
    rateLimits: {
      source: { per: 'source' as const, requests: 3, windowSeconds: 3600 },
      caller: { per: 'principal' as const, requests: 9, windowSeconds: 3600 }
    }
  })
  const { url, app, db, orders, events } = await startEdge(t, { table })
  const good = await request(`${url}/orders/1`, { headers: GOOD })
  t.equal(good.statusCode, 200)
  t.match(good.headers['ratelimit'], /^"source";r=2;t=\d+, "caller";r=8;t=\d+$/)
  await good.body.dump()
  const codes: number[] = []
  for (let guess = 0; guess < 5; guess++) {
    const { statusCode, headers, body } = await request(`${url}/orders/1`, {
      headers: { authorization: `Bearer guess-${guess}` }
    })
    codes.push(statusCode)
    if (statusCode === 429) {
      t.match(await body.json(), { code: 'SALLYPORT_FORWARDING_RATE_LIMITED' })
      t.ok(Number(headers['retry-after']) > 0)
      t.notOk(headers['www-authenticate'])
    } else await body.dump()
  }
  t.strictSame(codes, [401, 401, 429, 429, 429])
  t.equal(orders.received.length, 1)
  t.equal(failures(events).filter(event => event === 'forward denied rate-limited').length, 3)
  await app.sealAudit()
  const rows = await db('audit_events').where({ reason: 'rate-limited' }).select('outcome', 'repeats')
  t.match(
    rows,
    rows.map(() => ({ outcome: 'denied' }))
  )
  t.equal(
    rows.reduce((sum, { repeats }) => sum + repeats, 0),
    3,
    'each is counted; those of one kind share rows'
  )
})
