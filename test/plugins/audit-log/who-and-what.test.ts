import { createHash } from 'node:crypto'
import type { SecurityEvent } from '@sallyport/security-context'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { auditDatabase, buildApp, rowsOf } from './support/audited-app.ts'

/** Routes whose one security event is in the body of the request: `/refused` answers 403, `/done` 200. */
function reporting(app: FastifyInstance): void {
  for (const [url, status] of [
    ['/refused', 403],
    ['/done', 200]
  ] as const) {
    app.post<{ Body: SecurityEvent }>(
      url,
      { config: { access: 'public', audit: { action: 'session.login' } } },
      async (request, reply) => {
        request.securityEvents.push(request.body)
        return reply.code(status).send({})
      }
    )
  }
}

t.test('who and what a security event names stand in the columns that the audit filter searches', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, reporting)
  const named = { subject: 'user-9', clientId: 'gateway', resource: { type: 'session', id: 's-1' } }
  await app.inject({
    method: 'POST',
    url: '/refused',
    headers: { 'x-test-subject': 'user-1' },
    payload: { stage: 'session', outcome: 'denied', reason: 'password-wrong', ...named }
  })
  await app.inject({
    method: 'POST',
    url: '/done',
    payload: { stage: 'session', outcome: 'success', reason: 'signed-in', ...named }
  })
  t.match(
    await rowsOf(db),
    [
      { outcome: 'denied', subject: 'user-1', resource_type: 'session', resource_id: 's-1' },
      { outcome: 'success', subject: 'user-9', client_id: 'gateway', resource_type: 'session', resource_id: 's-1' }
    ],
    'a verified principal comes first'
  )
})

t.test('the name that was typed is in no column as it was typed', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, reporting)
  const payload = { stage: 'session', outcome: 'denied', reason: 'login-rejected', nameTried: 'canary-hunter2' }
  await app.inject({ method: 'POST', url: '/refused', headers: { 'x-test-subject': 'user-1' }, payload })
  const rows = await rowsOf(db)
  t.match(rows, [{ reason: 'login-rejected' }])
  t.notMatch(JSON.stringify(rows), 'canary')
})

t.test(
  'the id of a token in detail is kept as its hash, which is the one of the column: the rows of a token can be joined',
  async t => {
    const { app: db } = await auditDatabase(t)
    const app = await buildApp(t, { db }, () => {})
    const detail = {
      tokenId: 'token-id-1',
      subjectTokenId: 'token-id-2',
      token: 'canary-1',
      nested: { tokenIdHash: 'kept' }
    }
    await app.auditSink.write({ action: 'token.issue', outcome: 'success', detail })
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
    t.same((await rowsOf(db))[0]?.detail, {
      tokenIdHash: hash('token-id-1'),
      subjectTokenIdHash: hash('token-id-2'),
      token: '[redacted]',
      nested: { tokenIdHash: 'kept' }
    })
  }
)

t.test('an event that a handler writes says itself whose account it is about', async t => {
  const { app: db } = await auditDatabase(t)
  const app = await buildApp(t, { db }, app => {
    app.post('/login', { config: { access: 'public', audit: { action: 'session.start' } } }, async request => {
      await request.audit(db, { action: 'session.start', outcome: 'success', subject: 'user-9', clientId: 'web-app' })
      return {}
    })
  })
  await app.inject({ method: 'POST', url: '/login' })
  t.match(await rowsOf(db), [{ action: 'session.start', subject: 'user-9', client_id: 'web-app' }])
})
