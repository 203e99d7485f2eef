import t from 'tap'
import { startServer } from '../support/authorization-server.ts'

t.test('a path that cannot be decoded is Problem Details that no cache keeps, and counted in the trail', async t => {
  const { app, db } = await startServer(t)
  for (const url of ['/%zz', '/oauth2/%ff', `/admin/users/${'a'.repeat(300)}/roles`]) {
    const answer = await app.inject({ method: url.startsWith('/admin') ? 'PUT' : 'GET', url })
    t.equal(answer.statusCode, 400, url)
    t.match(answer.headers, { 'content-type': /^application\/problem\+json/, 'cache-control': 'no-store' }, url)
    t.same(answer.json(), {
      type: 'about:blank',
      title: 'The request is not valid',
      status: 400,
      code: 'SALLYPORT_CONTEXT_REQUEST_INVALID',
      requestId: answer.headers['x-request-id']
    })
  }
  await app.sealAudit()
  const rows: Array<{ action: string; outcome: string; reason: string; repeats: number }> = await db('audit_events')
  t.ok(rows.length > 0)
  t.same(
    new Set(rows.map(({ action, outcome, reason }) => `${action} ${outcome} ${reason}`)),
    new Set(['request.refused denied path-undecodable'])
  )
  t.equal(
    rows.reduce((sum, { repeats }) => sum + repeats, 0),
    3
  )
})
