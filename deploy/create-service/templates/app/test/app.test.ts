import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createAuditRows, createIssuer } from '@sallyport/testing'
import { buildApp } from '../src/app.ts'

const READER = { sub: 'reader-1', scope: 'reports:read' }

async function startApp(t: TestContext) {
  const issuer = createIssuer({ audience: 'sample-app' })
  const store = createAuditRows()
  const settings = { issuer: issuer.issuer, audience: 'sample-app', profile: 'rfc9068' } as const
  const app = await buildApp(settings, { keys: issuer.keys, trail: { store } })
  t.after(() => app.close())
  const read = async (claims: Readonly<Record<string, unknown>>) => await issuer.injectAs(app, claims, '/reports/1')
  return { app, read, rows: store.rows }
}

test('who has the scope reads a report, and the trail says so', async t => {
  const { read, rows } = await startApp(t)
  const answer = await read(READER)
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(answer.json(), { reportId: '1', reader: 'reader-1' })
  assert.partialDeepStrictEqual(rows, [
    { action: 'report.read', outcome: 'success', subject: 'reader-1', resourceId: '1' }
  ])
})

test('who does not have the scope is refused, and the trail says so', async t => {
  const { read, rows } = await startApp(t)
  assert.equal((await read({ ...READER, scope: 'profile' })).statusCode, 403)
  assert.partialDeepStrictEqual(rows, [{ action: 'report.read', outcome: 'denied', subject: 'reader-1' }])
})

test('no token, an expired one and one for another app are refused', async t => {
  const { app, read } = await startApp(t)
  assert.equal((await app.inject('/reports/1')).statusCode, 401)
  assert.equal((await read({ ...READER, exp: 1 })).statusCode, 401)
  assert.equal((await read({ ...READER, aud: 'another-app' })).statusCode, 401)
})

test('what is public needs no token', async t => {
  const { app } = await startApp(t)
  assert.equal((await app.inject('/about')).statusCode, 200)
})
