import Fastify from 'fastify'
import t, { type Test } from 'tap'
import type { TokenClient } from '@sallyport/security-context'
import { createPeerAgent } from '@sallyport/secure-transport'
import { createSessionDirectory } from '../../reference-gateway/src/session-directory.ts'
import { request } from 'undici'
import { listen } from '../support/fake-authorization-server.ts'
import { accessToken, failures, GOOD, startEdge } from '../support/edge.ts'

const SESSION = {
  sessionId: 's1',
  clientId: 'gateway',
  kind: 'login',
  createdAtSeconds: 1,
  lastUsedAtSeconds: 2,
  expiresAtSeconds: 3,
  sourceAddress: null,
  userAgent: null,
  current: true
}

async function setup(t: Test) {
  const asked: string[] = []
  const answer = { status: 200, body: { sessions: [SESSION] } as unknown, headers: {} }
  const origin = await listen(t, Fastify({ forceCloseConnections: true }), app =>
    app.all('/*', (request, reply) => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization}`)
      return reply.code(answer.status).headers(answer.headers).send(answer.body)
    })
  )
  const dispatcher = createPeerAgent({ ca: '' })
  t.after(() => dispatcher.destroy())
  const exchange: TokenClient['exchange'] = async ({ subjectToken, audience }) => ({
    accessToken: `${subjectToken}-for-${audience}`,
    refreshToken: null,
    expiresInSeconds: 60,
    scope: null
  })
  const directory = createSessionDirectory({
    tokenClient: { exchange } as TokenClient,
    origin,
    dispatcher,
    timeoutMs: () => 1000
  })
  return { asked, answer, directory }
}

t.test("the caller's sessions are listed and ended with an exchanged token", async t => {
  const { asked, answer, directory } = await setup(t)
  t.same(await directory.list('caller'), [SESSION])
  Object.assign(answer, { status: 204, body: undefined })
  t.equal(await directory.end('caller', 's1'), true)
  await directory.endAll('caller')
  t.same(
    asked,
    ['GET /sessions', 'DELETE /sessions/s1', 'DELETE /sessions'].map(line => `${line} Bearer caller-for-auth-server`)
  )
})

t.test('a session that the caller does not have, or that cannot be one, is not there', async t => {
  const { answer, directory } = await setup(t)
  for (const status of [404, 400]) {
    answer.status = status
    t.equal(await directory.end('caller', 's2'), false, String(status))
  }
})

t.test('a refusal of the authorization server is told as what it is: no session, ended since, or too busy', async t => {
  const { answer, directory } = await setup(t)
  const told = [
    [403, {}, { code: 'SALLYPORT_GATEWAY_SESSIONS_REFUSED', statusCode: 403 }],
    [
      401,
      {},
      { code: 'SALLYPORT_FORWARDING_UPSTREAM_REFUSED_TOKEN', statusCode: 503, headers: { 'retry-after': '1' } }
    ],
    [
      503,
      { 'retry-after': '7' },
      { code: 'SALLYPORT_FORWARDING_UPSTREAM_BUSY', statusCode: 503, headers: { 'retry-after': '7' } }
    ],
    [429, {}, { code: 'SALLYPORT_FORWARDING_UPSTREAM_BUSY', statusCode: 503, headers: { 'retry-after': '1' } }]
  ] as const
  for (const [status, headers, expected] of told) {
    Object.assign(answer, { status, headers, body: {} })
    await t.rejects(directory.list('caller'), expected, String(status))
    await t.rejects(directory.end('caller', 's1'), expected, String(status))
    await t.rejects(directory.endAll('caller'), expected, String(status))
  }
})

t.test('an id that would lead to another resource is not asked for', async t => {
  const { asked, directory } = await setup(t)
  for (const id of ['..', 'a/b', '../sessions', '.']) {
    await t.rejects(directory.end('caller', id), { code: 'SALLYPORT_TOKEN_PATH_INVALID' }, id)
  }
  t.equal(await directory.end('caller', ''), false)
  t.same(asked, [])
})

t.test('an error or an answer of another shape is an outage, never an empty list', async t => {
  const { answer, directory } = await setup(t)
  for (const [status, body] of [
    [500, {}],
    [200, {}],
    [200, 'x'],
    [200, { sessions: [{}] }],
    [200, { sessions: 5 }],
    [400, {}],
    [404, {}]
  ] as const) {
    Object.assign(answer, { status, body })
    await t.rejects(
      directory.list('caller'),
      { code: 'SALLYPORT_FORWARDING_UPSTREAM_FAILED' },
      `${status} ${JSON.stringify(body)}`
    )
  }
})

t.test('DELETE /sessions/x is 404, and a token without a session is 403 on every route of sessions', async t => {
  const authorizationServer = await setup(t)
  Object.assign(authorizationServer.answer, { status: 400, body: {} })
  const { url, events } = await startEdge(t, { collaborators: { sessionDirectory: authorizationServer.directory } })
  const unknown = await request(`${url}/sessions/x`, { method: 'DELETE', headers: GOOD })
  t.equal(unknown.statusCode, 404)
  t.equal(unknown.headers['content-type'], 'application/problem+json; charset=utf-8')
  authorizationServer.asked.length = 0
  events.length = 0
  const headers = { authorization: `Bearer ${await accessToken({ sid: undefined, sub: 'robot', client_id: 'robot' })}` }
  for (const [method, path] of [
    ['GET', '/sessions'],
    ['DELETE', '/sessions'],
    ['DELETE', '/sessions/x']
  ] as const) {
    const { statusCode, body, headers: answered } = await request(url + path, { method, headers })
    t.equal(statusCode, 403, `${method} ${path}`)
    t.match(await body.json(), { code: 'SALLYPORT_GATEWAY_SESSIONS_REFUSED', status: 403 })
    t.equal(answered['cache-control'], 'no-store')
  }
  t.same(authorizationServer.asked, [], 'the authorization server is not asked')
  t.same(failures(events), Array(3).fill('session denied no-session'))
})
