import authentication, { createTokenVerifier } from '@sallyport/authentication'
import securityContext from '@sallyport/security-context'
import { createIssuer, recordSecurityEvents } from '@sallyport/testing'
import Fastify from 'fastify'
import t, { type Test } from 'tap'

async function verifyingApp(t: Test, follows: 'lists' | 'nothing') {
  const issuer = createIssuer()
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => lines.push(line) } } })
  t.after(() => app.close())
  const { issuer: name, keys, dispatcher, statusLists: allowedUris } = issuer
  await app.register(securityContext)
  const followed = follows === 'lists' ? { statusLists: { allowedUris } } : {}
  await app.register(authentication, { issuer: name, audience: 'test-service', keys, dispatcher, ...followed })
  const events = recordSecurityEvents(app)
  app.get('/', async () => 'ok')
  const ask = (claims = {}) => issuer.injectAs(app, claims, '/')
  return { ask, lines, reports: () => events.all().filter(({ reason }) => reason === 'status-not-followed') }
}

t.test('an app that follows no lists says so at the first token that has a status, and only once', async t => {
  const { ask, lines, reports } = await verifyingApp(t, 'nothing')
  t.equal((await ask({ status: undefined })).statusCode, 200)
  t.equal(lines.length, 0, 'that token cannot be revoked')
  for (let times = 0; times < 3; times++) t.equal((await ask()).statusCode, 200)
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? '{}'), { level: 40, msg: /follows none: a revoked token is accepted/ })
  t.match(reports(), [{ stage: 'authentication', outcome: 'failure' }])
  t.equal(reports().length, 1)
})

t.test('an app that follows them says nothing', async t => {
  const { ask, lines, reports } = await verifyingApp(t, 'lists')
  t.equal((await ask()).statusCode, 200)
  t.equal(lines.length, 0)
  t.equal(reports().length, 0)
})

t.test('a token without typ is taken only by a profile that names a claim of access tokens', async t => {
  const issuer = createIssuer()
  const verifierFor = (profile: object) =>
    createTokenVerifier({
      issuer: issuer.issuer,
      audience: 'test-service',
      keys: issuer.keys,
      profile: profile as { typ: null }
    })
  for (const accessTokenClaim of [undefined, null, {}, { claim: [], value: 'x' }, { claim: 'use', value: '' }]) {
    t.throws(() => verifierFor({ typ: null, accessTokenClaim }), { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' })
  }
  const { verify } = verifierFor({ typ: null, accessTokenClaim: { claim: 'token_use', value: 'access' } })
  const untyped = { typ: undefined }
  const refusal = (token: string) =>
    verify(token).then(
      () => null,
      (error: { reason: string }) => error.reason
    )
  t.equal(await refusal(issuer.token({ token_use: 'access' }, untyped)), null)
  t.equal(await refusal(issuer.token({ token_use: 'id' }, untyped)), 'token-type-mismatch')
  t.equal(await refusal(issuer.token({}, untyped)), 'token-type-mismatch')
  t.equal(await refusal(issuer.token({ token_use: 'access' }, { typ: 'JWT' })), 'token-type-mismatch')
  const nested = verifierFor({ typ: 'JWT', accessTokenClaim: { claim: ['ext', 'use'], value: 'access' } })
  await t.resolves(nested.verify(issuer.token({ ext: { use: 'access' } }, { typ: 'JWT' })))
  await t.rejects(nested.verify(issuer.token({ ext: 'access' }, { typ: 'JWT' })))
})
