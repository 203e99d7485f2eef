// The plugin against an issuer over real sockets: what it opens itself, follows and closes.
import { deflateSync } from 'node:zlib'
import type { ServerResponse } from 'node:http'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import authentication, { type AuthenticationOptions } from '@sallyport/authentication'
import { AUDIENCE, encode, goodClaims, issuerKey, signBytes, signToken } from '../../support/issuer.ts'
import { httpServer } from './support/servers.ts'

const now = (): number => Math.floor(Date.now() / 1000)

async function setUp(t: Test, options: Partial<AuthenticationOptions> = {}) {
  const key = issuerKey('ES256')
  const world = { keys: [key], revoked: 0, polls: 0, down: false }
  const base = await httpServer(t, (request, response) => {
    if (world.down) response.destroy()
    else if (request.url === '/jwks') response.end(JSON.stringify({ keys: world.keys.map(({ jwk }) => jwk) }))
    else answerList(response, `${base}${request.url}`)
  })
  function answerList(response: ServerResponse, uri: string): void {
    world.polls++
    const list = {
      sub: uri,
      iss: base,
      iat: now(),
      exp: now() + 600,
      status_list: { bits: 1, lst: deflateSync(Buffer.from([world.revoked])).toString('base64url') }
    }
    const input = `${encode({ typ: 'statuslist+jwt', alg: 'ES256', kid: key.keyId })}.${encode(list)}`
    response.end(`${input}.${signBytes(key, input).toString('base64url')}`)
  }
  const app = Fastify()
  t.teardown(() => app.close())
  app.decorateRequest('principal', null)
  await app.register(authentication, {
    issuer: base,
    audience: AUDIENCE,
    jwksUri: `${base}/jwks`,
    statusLists: { allowedUris: `${base}/lists/`, pollMs: 5 },
    ...options
  })
  app.get('/', async request => request.principal?.subject)
  const token = (changes: Record<string, unknown> = {}, signer = key): string =>
    signToken(
      signer,
      goodClaims({
        iss: base,
        iat: now(),
        exp: now() + 300,
        status: { status_list: { idx: 1, uri: `${base}/lists/1` } },
        ...changes
      })
    )
  const get = async (value: string) => await app.inject({ url: '/', headers: { authorization: `Bearer ${value}` } })
  return { world, app, token, get }
}

async function polledTwice(world: { polls: number }): Promise<void> {
  const before = world.polls
  while (world.polls < before + 2) await new Promise(resolve => setImmediate(resolve))
}

t.test('a token is accepted until its bit is set, and a token of another bit goes on', async t => {
  const { world, token, get } = await setUp(t)
  const [mine, other] = [token(), token({ jti: 'other', status: undefined })]
  t.equal((await get(mine)).statusCode, 200)
  t.equal((await get(other)).statusCode, 200)
  world.revoked = 0b10
  await polledTwice(world)
  const refused = await get(mine)
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], /error="invalid_token"/)
  t.equal((await get(other)).statusCode, 200)
})

t.test('an issuer that is away does not keep the app from starting; requests are 503 until it is back', async t => {
  const { world, app, token, get } = await setUp(t)
  world.down = true
  await app.ready()
  const answer = await get(token())
  t.equal(answer.statusCode, 503)
  t.equal(answer.json().code, 'SALLYPORT_AUTHENTICATION_KEYS_UNAVAILABLE')
  t.equal((await app.inject('/')).statusCode, 401, 'without a token it is the caller who has to act')
  world.down = false
  while ((await get(token())).statusCode === 503) await new Promise(resolve => setImmediate(resolve))
  t.equal((await get(token())).statusCode, 200)
})

t.test('after close the issuer is left alone', async t => {
  const { world, app, token, get } = await setUp(t)
  await get(token())
  await app.close()
  const before = world.polls
  for (let turn = 0; turn < 500; turn++) await new Promise(resolve => setImmediate(resolve))
  t.equal(world.polls, before)
})

t.test('a status list beside the allowed prefix is never asked for, and its tokens are not accepted', async t => {
  const { world, token, get } = await setUp(t)
  const elsewhere = token({ status: { status_list: { idx: 1, uri: 'https://attacker.example/lists/1' } } })
  const answer = await get(elsewhere)
  t.equal(answer.statusCode, 503)
  t.equal(answer.json().code, 'SALLYPORT_AUTHENTICATION_STATUS_UNAVAILABLE')
  t.equal(world.polls, 0)
})

t.test('a token signed by a stranger is refused though the issuer answers', async t => {
  const { token, get } = await setUp(t)
  t.equal((await get(token({}, issuerKey('ES256')))).statusCode, 401)
  t.equal((await get(token({}, issuerKey('ES256', 'unknown')))).statusCode, 401)
})
