import Fastify from 'fastify'
import t, { type Test } from 'tap'
import type { TokenClient } from '@sallyport/security-context'
import { createPeerAgent } from '@sallyport/secure-transport'
import { createSessionDirectory } from '../../reference-gateway/src/session-directory.ts'
import { listen } from '../plugins/token-exchange/authorization-server.ts'

const SESSION = { sessionId: 's1', clientId: 'gateway', kind: 'login', createdAtSeconds: 1, lastUsedAtSeconds: 2, expiresAtSeconds: 3, sourceAddress: null, userAgent: null, current: true }

async function setup (t: Test) {
  const asked: string[] = []
  const answer = { status: 200, body: { sessions: [SESSION] } as unknown }
  const origin = await listen(t, Fastify({ forceCloseConnections: true }), app => app.all('/*', (request, reply) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    return reply.code(answer.status).send(answer.body)
  }))
  const dispatcher = createPeerAgent({ ca: '' })
  t.after(() => dispatcher.destroy())
  const exchange: TokenClient['exchange'] = async ({ subjectToken, audience }) => ({ accessToken: `${subjectToken}-for-${audience}`, refreshToken: null, expiresInSeconds: 60, scope: null })
  const directory = createSessionDirectory({ tokenClient: { exchange } as TokenClient, origin, dispatcher, timeoutMs: 1000 })
  return { asked, answer, directory }
}

t.test('the caller\'s sessions are listed and ended with an exchanged token', async t => {
  const { asked, answer, directory } = await setup(t)
  t.same(await directory.list('caller'), [SESSION])
  Object.assign(answer, { status: 204, body: undefined })
  t.equal(await directory.end('caller', 's1'), true)
  await directory.endAll('caller')
  t.same(asked, ['GET /sessions', 'DELETE /sessions/s1', 'DELETE /sessions'].map(line => `${line} Bearer caller-for-auth-server`))
})

t.test('a session that the caller does not have is not there', async t => {
  const { answer, directory } = await setup(t)
  answer.status = 404
  t.equal(await directory.end('caller', 's2'), false)
})

t.test('an id that would lead to another resource is not asked for', async t => {
  const { asked, directory } = await setup(t)
  for (const id of ['..', 'a/b', '../sessions', '.']) await t.rejects(directory.end('caller', id), { code: 'SALLYPORT_TOKEN_PATH_INVALID' }, id)
  t.equal(await directory.end('caller', ''), false)
  t.same(asked, [])
})

t.test('an error or an answer of another shape is an outage, never an empty list', async t => {
  const { answer, directory } = await setup(t)
  for (const [status, body] of [[500, {}], [401, {}], [403, {}], [200, {}], [200, 'x'], [200, { sessions: [{}] }], [200, { sessions: 5 }], [404, {}]] as const) {
    Object.assign(answer, { status, body })
    await t.rejects(directory.list('caller'), { code: 'SALLYPORT_GATEWAY_UPSTREAM_FAILED' }, `${status} ${JSON.stringify(body)}`)
  }
})
