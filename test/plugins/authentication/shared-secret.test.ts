import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import fastifyJwt from '@fastify/jwt'
import t, { type Test } from 'tap'
import authentication, { createSharedSecretVerifier, type SharedSecretOptions } from '@sallyport/authentication'
import { AUDIENCE, clock, goodClaims, ISSUER, issuerKey, NOW, signHmac, signToken } from '../../support/issuer.ts'

const secret = randomBytes(32)
const good: SharedSecretOptions = { secret, issuer: ISSUER, audience: AUDIENCE, clock }

async function refuses(t: Test, token: string, reason: string) {
  await t.rejects(createSharedSecretVerifier(good).verify(token), {
    code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID',
    statusCode: 401,
    reason
  })
}

t.test('a token signed with the shared secret is accepted, with or without a key id', async t => {
  for (const header of [{ typ: 'JWT' }, { typ: 'at+jwt' }, { typ: 'JWT', kid: 'any' }]) {
    t.equal(
      (
        await createSharedSecretVerifier(good).verify(
          signHmac(secret, goodClaims({ client_id: undefined, jti: undefined }), header)
        )
      ).subject,
      goodClaims()['sub']
    )
  }
})

t.test('every other token is refused', async t => {
  await refuses(t, signHmac('', goodClaims()), 'signature-invalid')
  await refuses(t, signHmac(randomBytes(32), goodClaims()), 'signature-invalid')
  await refuses(t, signHmac(secret, goodClaims({ exp: NOW - 100 })), 'token-expired')
  await refuses(t, signHmac(secret, goodClaims({ aud: 'other' })), 'audience-mismatch')
  await refuses(t, signHmac(secret, goodClaims(), { alg: 'HS512' }), 'algorithm-not-allowed')
  await refuses(t, signToken(issuerKey('ES256')), 'algorithm-not-allowed')
})

t.test('short secrets and published keys are refused at boot, and the secret is not in the message', async t => {
  const { publicKey, jwk } = issuerKey('RS256')
  for (const bad of [
    '',
    'short-secret',
    'x'.repeat(31),
    publicKey.export({ type: 'spki', format: 'pem' }),
    `\n  ${String(publicKey.export({ type: 'spki', format: 'pem' }))}`,
    JSON.stringify(jwk)
  ]) {
    try {
      createSharedSecretVerifier({ ...good, secret: bad })
      t.fail('accepted')
    } catch (error) {
      t.match(error, { code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID' })
      t.notOk(bad !== '' && (error as Error).message.includes(String(bad).slice(0, 40)))
    }
  }
})

t.test('the plugin verifies what @fastify/jwt signs in the app', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(fastifyJwt, {
    secret: secret.toString('hex'),
    sign: { iss: ISSUER, aud: AUDIENCE, sub: 'alice', expiresIn: '5m' }
  })
  await app.register(authentication, {
    sharedSecret: { secret: secret.toString('hex'), issuer: ISSUER, audience: AUDIENCE }
  })
  app.get('/', async request => ({ subject: request.principal?.subject, roles: request.principal?.roles }))
  const answer = await app.inject({
    url: '/',
    headers: { authorization: `Bearer ${app.jwt.sign({ roles: ['CUSTOMER'] })}` }
  })
  t.same(answer.json(), { subject: 'alice', roles: ['CUSTOMER'] })
  const forged = await app.inject({
    url: '/',
    headers: {
      authorization: `Bearer ${signHmac('x', { iss: ISSUER, aud: AUDIENCE, sub: 'a', iat: 1, exp: 9e9 }, { typ: 'JWT' })}`
    }
  })
  t.equal(forged.statusCode, 401)
  t.equal(forged.headers['www-authenticate'], `Bearer realm="${AUDIENCE}", error="invalid_token"`)
})
