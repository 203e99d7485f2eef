import authentication, { createIssuersVerifier, type TrustedIssuerOptions } from '@sallyport/authentication'
import securityContext, { problemDetails } from '@sallyport/security-context'
import { createIssuer, frozenClock } from '@sallyport/testing'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { clock, fixedKeys, goodClaims, issuerKey, signToken, type IssuerKey } from '../../support/issuer.ts'

const A = 'https://a.example'
const B = 'https://b.example/'
const keyOfA = issuerKey('ES256', 'one')
// Of the same name: what a key is called says nothing about whose it is.
const keyOfB = issuerKey('ES256', 'one')
const rsaOfA = issuerKey('RS256', 'rsa')
const rsaOfB = issuerKey('RS256', 'rsa')

const issuerA: TrustedIssuerOptions = {
  issuer: A,
  audience: 'orders',
  keys: fixedKeys(keyOfA, rsaOfA),
  algorithms: ['ES256', 'RS256'],
  roles: 'all',
  tenant: 'staff'
}
const issuerB: TrustedIssuerOptions = {
  issuer: B,
  audience: 'partner-orders',
  keys: fixedKeys(keyOfB, rsaOfB),
  algorithms: ['ES256'],
  roles: ['CUSTOMER'],
  clockToleranceSeconds: 0
}
const both = (...changes: readonly Partial<TrustedIssuerOptions>[]) =>
  createIssuersVerifier({
    issuers: [
      { ...issuerA, ...changes[0] },
      { ...issuerB, ...changes[1] }
    ],
    clock
  })

const ofA = (claims = {}, key: IssuerKey = keyOfA) => signToken(key, goodClaims({ iss: A, aud: 'orders', ...claims }))
const ofB = (claims = {}, key: IssuerKey = keyOfB) =>
  signToken(key, goodClaims({ iss: B, aud: 'partner-orders', ...claims }))

async function refuses(t: Test, token: string, reason: string, title: string, verifier = both()) {
  const error = { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID', reason }
  await t.rejects(verifier.verify(token), error, title)
  t.equal(verifier.recall?.(token) ?? null, null, `${title}: not remembered either`)
}

t.test('each issuer is held to its own keys, audience, algorithms, tolerance, roles and tenant', async t => {
  const verifier = both()
  t.same(verifier.issuers, [A, B])
  t.match(await verifier.verify(ofA({ roles: ['ADMIN', 'CUSTOMER'] })), {
    issuer: A,
    audience: 'orders',
    roles: ['ADMIN', 'CUSTOMER'],
    tenant: 'staff'
  })
  const partner = await verifier.verify(ofB({ roles: ['ADMIN', 'CUSTOMER'] }))
  t.match(partner, { issuer: B, audience: 'partner-orders', roles: ['CUSTOMER'] })
  t.notOk(Object.hasOwn(partner, 'tenant'))
  t.match(await verifier.verify(ofA({}, rsaOfA)), { issuer: A })
})

t.test('V22: what is mixed up of two issuers is refused', async t => {
  await refuses(t, ofA({}, keyOfB), 'signature-invalid', 'of A, signed by the key of B with the same id')
  await refuses(t, ofB({}, keyOfA), 'signature-invalid', 'of B, signed by the key of A with the same id')
  await refuses(t, ofA({ aud: 'partner-orders' }), 'audience-mismatch', 'of A, for the audience of B')
  await refuses(t, ofB({ aud: 'orders' }), 'audience-mismatch', 'of B, for the audience of A')
  await refuses(t, ofB({}, rsaOfB), 'algorithm-not-allowed', 'of B, by an algorithm of A alone')
  const stale = { exp: clock() / 1000 - 3, iat: clock() / 1000 - 60 }
  t.match(await both().verify(ofA(stale)), { issuer: A })
  await refuses(t, ofB(stale), 'token-expired', 'of B, within the tolerance of A alone')
  const keycloak = [{}, { profile: 'keycloak' as const }]
  await refuses(t, ofB(), 'token-type-mismatch', 'of B, in the profile of A', both(...keycloak))
})

t.test('V22: an issuer is one exact string', async t => {
  const confused: readonly [string, unknown][] = [
    ['A with a slash', `${A}/`],
    ['B without its slash', B.slice(0, -1)],
    ['upper case', 'https://A.example'],
    ['another scheme', 'http://a.example'],
    ['a default port', 'https://a.example:443'],
    ['a letter that looks alike', 'https://а.example'],
    ['composed otherwise', 'https://a.example\u0301'],
    ['full width', 'https://ａ.example'],
    ['white space', ` ${A}`],
    ['a NUL', `${A}\u0000`],
    ['a list of both', [A, B]],
    ['a list of one', [A]],
    ['an object', { [A]: true }],
    ['nothing', undefined],
    ['null', null],
    ['a name of every object', '__proto__'],
    ['a member of every object', 'constructor']
  ]
  for (const [title, iss] of confused) {
    await refuses(t, ofA({ iss }), 'issuer-mismatch', title)
    await refuses(t, ofB({ iss }), 'issuer-mismatch', `${title}, by the key of B`)
  }
})

t.test('the same subject of two issuers is two callers, and a cached one is not taken for the other', async t => {
  const verifier = both()
  const one = ofA({ sub: 'alice', jti: 'same' })
  const other = ofB({ sub: 'alice', jti: 'same' })
  for (let times = 0; times < 3; times++) {
    t.match(await verifier.verify(one), { issuer: A, subject: 'alice' })
    t.match(await verifier.verify(other), { issuer: B, subject: 'alice' })
  }
  t.not(verifier.recall?.(one)?.principal, verifier.recall?.(other)?.principal)
})

t.test('a withdrawn key of one issuer ends its tokens and nobody else’s', async t => {
  const keys = fixedKeys(keyOfB)
  const verifier = both({}, { keys })
  await verifier.verify(ofA())
  const token = ofB()
  await verifier.verify(token)
  keys.published.clear()
  t.equal(verifier.recall?.(token), null)
  await refuses(t, token, 'key-unknown', 'its key is gone', verifier)
  t.ok(verifier.recall?.(ofA()) ?? (await verifier.verify(ofA())))
})

t.test('V22: roles count only from issuers that are told to give them', async t => {
  const untold = createIssuersVerifier({
    issuers: [issuerA, { issuer: B, audience: 'partner-orders', keys: fixedKeys(keyOfB) }],
    clock
  })
  t.same((await untold.verify(ofB({ roles: ['ADMIN'] }))).roles, [])
  const only = createIssuersVerifier({
    issuers: [{ issuer: B, audience: 'partner-orders', keys: fixedKeys(keyOfB) }],
    clock
  })
  t.same((await only.verify(ofB({ roles: ['ADMIN'] }))).roles, ['ADMIN'], 'the only issuer gives all')
})

t.test('every mistake in a list of issuers is named', async t => {
  const refused = (options: object, message: RegExp) =>
    t.throws(() => createIssuersVerifier(options as never), {
      code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
      message
    })
  refused({ issuers: [] }, /issuers must/)
  refused({ issuers: [issuerA, issuerA] }, /issuers: two are called https:\/\/a.example/)
  refused({ issuers: [{ ...issuerA, algorithms: ['HS256'] }] }, /issuers.0.algorithms not known here: HS256/)
  refused({ issuers: [{ ...issuerA, issuer: 'http://a.example', roles: 'some' }] }, /issuers.0.issuer.*issuers.0.roles/)
})

t.test('the plugin takes several issuers by their names alone, and nothing of a token is an address', async t => {
  const time = frozenClock()
  const staff = createIssuer({ audience: 'orders', clock: time, issuer: 'https://staff.example' })
  const partner = createIssuer({ audience: 'orders', clock: time, issuer: 'https://partner.example' })
  const asked: string[] = []
  const dispatcher = staff.dispatcher.compose(() => (options, handler) => {
    asked.push(String(options.origin))
    const { dispatcher } = String(options.origin) === partner.issuer ? partner : staff
    return dispatcher.dispatch(options, handler)
  })
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, {
    audience: 'orders',
    issuers: [{ issuer: staff.issuer, roles: 'all' }, { issuer: partner.issuer }],
    introspection: { issuer: partner.issuer, clientId: 'orders', clientSecret: 'x' },
    dispatcher,
    clock: time
  })
  app.get('/', async ({ principal }) => ({ iss: principal?.issuer, roles: principal?.roles }))
  const ask = (token: string) => app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
  t.same((await ask(staff.token({ roles: ['ADMIN'] }))).json(), { iss: staff.issuer, roles: ['ADMIN'] })
  t.same((await ask(partner.token({ roles: ['ADMIN'] }))).json(), { iss: partner.issuer, roles: [] })
  t.same(app.trustedIssuers, [staff.issuer, partner.issuer])
  const elsewhere = 'https://169.254.169.254'
  for (const claims of [{ iss: elsewhere }, { iss: 'https://evil.example', jku: elsewhere }]) {
    t.equal((await ask(staff.token(claims, { jku: elsewhere, x5u: elsewhere }))).statusCode, 401)
  }
  t.same([...new Set(asked)].sort(), [partner.issuer, staff.issuer])
})

t.test('opaque tokens give what their issuer may give', async t => {
  const clients = { orders: 'a-secret-of-the-service' }
  const partner = createIssuer({ audience: 'orders', issuer: 'https://partner.example', clients })
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, {
    audience: 'orders',
    issuers: [
      { issuer: A, keys: fixedKeys(keyOfA) },
      { issuer: partner.issuer, keys: partner.keys, roles: ['CUSTOMER'], tenant: 'partner' }
    ],
    introspection: { issuer: partner.issuer, clientId: 'orders', clientSecret: clients.orders },
    dispatcher: partner.dispatcher
  })
  app.get('/', async ({ principal }) => principal)
  const authorization = `Bearer ${partner.opaqueToken({ roles: ['ADMIN', 'CUSTOMER'] })}`
  t.match((await app.inject({ url: '/', headers: { authorization } })).json(), {
    issuer: partner.issuer,
    roles: ['CUSTOMER'],
    tenant: 'partner'
  })
})

t.test('mistakes in the issuers of the plugin are named at boot', async t => {
  const refused = async (options: object, message: RegExp) => {
    const app = Fastify()
    app.decorateRequest('principal', null)
    await t.rejects(async () => await app.register(authentication, options), {
      code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
      message
    })
  }
  const one = { issuer: A, audience: 'orders' }
  await refused({ issuers: [{ issuer: A }] }, /issuers.0.audience is missing/)
  await refused({ issuers: [one], issuer: B, jwksUri: `${A}/jwks` }, /issuers must not be mixed with issuer, jwksUri/)
  await refused(
    { issuers: [{ ...one, keys: fixedKeys(keyOfA), jwksUri: `${A}/jwks` }] },
    /issuers.0.keys and jwksUri must not both/
  )
  await refused({ issuers: [one, one] }, /two are called/)
  await refused(
    { issuers: [{ ...one, jwksUri: `${A}/jwks`, metadataUri: `${A}/metadata` }] },
    /issuers.0.metadataUri is of no use/
  )
  const introspection = { clientId: 'orders', clientSecret: 'x' }
  await refused(
    { issuers: [one, { ...one, issuer: B }], introspection: { ...introspection, audience: 'orders' } },
    /introspection.issuer must be one of the issuers/
  )
  await refused({ introspection }, /introspection.endpoint is missing.*introspection.audience is missing/)
})
