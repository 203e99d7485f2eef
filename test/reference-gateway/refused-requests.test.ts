import t from 'tap'
import { rawRequest, sendRaw, startEdge, statuses } from '../support/edge.ts'
import { openTrailRows } from '../support/trail-rows.ts'

t.test(
  'what is no request to any route leaves a row too: ambiguous and undecodable paths, methods that are not served',
  async t => {
    const { app, port, db } = await startEdge(t)
    const sent = [
      'GET //orders',
      'GET /x/%2e%2e/y',
      'GET /orders/%zz',
      'GET /%ff',
      'TRACE /orders',
      'PROPFIND /orders',
      'LINK /orders'
    ]
    for (const start of sent) {
      const answer = await sendRaw(port, rawRequest(`${start} HTTP/1.1`))
      const [status] = statuses(answer)
      t.match(answer, /cache-control: no-store/i, start)
      t.ok(status === 400 || status === 405 || status === 501, `${start}: ${status}`)
    }
    t.same(
      statuses(await sendRaw(port, rawRequest('GET /nowhere HTTP/1.1'))),
      [404],
      'a path that is merely unknown leaves none'
    )
    await app.sealAudit()
    const rows: Array<{
      action: string
      outcome: string
      reason: string
      repeats: number
      source_address: string | null
      detail: { method: string }
    }> = await openTrailRows(db, await db('audit_events'))
    t.same(
      rows.map(({ action, outcome, source_address: source }) => [action, outcome, source]),
      rows.map(() => ['request.refused', 'denied', '127.0.0.1'])
    )
    const counts = new Map<string, number>()
    for (const { reason, detail, repeats } of rows) {
      counts.set(`${reason} ${detail.method}`, (counts.get(`${reason} ${detail.method}`) ?? 0) + repeats)
    }
    t.same([...counts].toSorted(), [
      ['method-refused LINK', 1],
      ['method-refused PROPFIND', 1],
      ['method-refused TRACE', 1],
      ['path-not-canonical GET', 4]
    ])
  }
)

t.test('a flood of anonymous requests is a handful of rows and needs no audit database', async t => {
  const { app, url, db } = await startEdge(t)
  await db.raw('alter table audit_events rename to audit_events_gone')
  for (let i = 0; i < 100; i++) {
    const answer = await fetch(`${url}/orders/${i}`)
    if (answer.status !== 401) t.fail(`answered ${answer.status}`)
    await answer.body?.cancel()
  }
  await db.raw('alter table audit_events_gone rename to audit_events')
  await app.sealAudit()
  await app.sealAudit()
  const rows: Array<{ repeats: number }> = await db('audit_events')
  t.same(
    rows.map(({ repeats }) => repeats).toSorted((a, b) => a - b),
    [1, 99]
  )
})

t.test('a version that is not served is a denial in the trail, though its status is a 5xx', async t => {
  const { app, port, db } = await startEdge(t)
  t.same(statuses(await sendRaw(port, rawRequest('GET /orders HTTP/2.0'))), [505])
  await app.sealAudit()
  t.match(await db('audit_events'), [{ outcome: 'denied', reason: 'version-refused' }])
})
