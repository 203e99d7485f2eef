import { randomUUID } from 'node:crypto'
import t from 'tap'
import { basic, startServer } from '../support/authorization-server.ts'

t.test('neither a request id nor a trace id of a caller is taken, whoever the caller is', async t => {
  const { app, db } = await startServer(t)
  const requestId = randomUUID()
  const traceId = 'a'.repeat(32)
  for (const authorization of [basic('machine-client'), basic('machine-client', 'guess')]) {
    await app.inject({
      method: 'POST',
      url: '/oauth2/token',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization,
        'x-request-id': requestId,
        traceparent: `00-${traceId}-${'b'.repeat(16)}-01`
      },
      payload: 'grant_type=client_credentials'
    })
  }
  let rows: Array<{ request_id: string; trace_id: string }> = []
  while (rows.length < 2) rows = await db('audit_events')
  t.equal(new Set(rows.map(row => row.request_id)).size, 2)
  for (const row of rows) {
    t.match(row, { request_id: /^[0-9a-f-]{36}$/, trace_id: /^[0-9a-f]{32}$/ })
    t.not(row.request_id, requestId)
    t.not(row.trace_id, traceId)
  }
})
