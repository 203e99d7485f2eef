import { randomUUID } from 'node:crypto'
import t from 'tap'
import { basic, startServer } from '../support/authorization-server.ts'

t.test('neither a request id nor a trace id of a caller is taken, whoever the caller is', async t => {
  const { app, db } = await startServer(t)
  const requestId = randomUUID()
  const traceId = 'a'.repeat(32)
  const answered = new Set<unknown>()
  for (const authorization of [basic('machine-client'), basic('machine-client', 'guess')]) {
    const answer = await app.inject({
      method: 'POST',
      url: '/oauth2/token',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization,
        'x-request-id': requestId,
        'sallyport-txn': requestId,
        traceparent: `00-${traceId}-${'b'.repeat(16)}-01`
      },
      payload: 'grant_type=client_credentials'
    })
    answered.add(answer.headers['x-request-id'])
    // An OAuth error has the members of RFC 6749 §5.2 and no more.
    if (answer.statusCode === 401) t.same(Object.keys(answer.json()).toSorted(), ['error', 'error_description'])
  }
  let rows: Array<{ request_id: string; trace_id: string; txn: string; detail: object }> = []
  while (rows.length < 2) rows = await db('audit_events')
  t.same(new Set(rows.map(row => row.request_id)), answered, 'each answer has the id of its row')
  t.equal(new Set(rows.map(row => row.txn)).size, 2)
  for (const row of rows) {
    t.match(row, { request_id: /^[0-9a-f-]{36}$/, trace_id: /^[0-9a-f]{32}$/ })
    t.not(row.request_id, requestId)
    t.not(row.txn, requestId)
    t.match(row.detail, { clientRequestId: requestId }, 'it is recorded')
    t.not(row.trace_id, traceId)
  }
})
