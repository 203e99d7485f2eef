import authentication, { type AuthenticationOptions } from '@sallyport/authentication'
import authorization, { allOf, anyOf, role, scope } from '@sallyport/authorization'
import securityContext, { problemDetails } from '@sallyport/security-context'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { AUDIENCE, fixedKeys, ISSUER, issuerKey, signToken } from '../../support/issuer.ts'

const keys = fixedKeys(issuerKey('ES256'))
const resource = 'https://api.shop.example'
const WELL_KNOWN = '/.well-known/oauth-protected-resource'

async function openApp(t: Test, options: AuthenticationOptions) {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, { audience: AUDIENCE, ...options })
  await app.register(authorization)
  app.get('/orders', { config: { access: allOf(role('CUSTOMER'), scope('orders:read')) } }, async () => 'fine')
  app.post('/orders', { config: { access: anyOf(scope('orders:write', 'orders:read'), role('ADMIN')) } }, async () => 1)
  app.get('/about', { config: { access: 'public' } }, async () => 'fine')
  return app
}

t.test('V24: the service says whose tokens it takes, with which scopes, and how they are sent', async t => {
  const app = await openApp(t, {
    issuer: ISSUER,
    keys,
    resourceMetadata: {
      resource,
      name: 'Orders',
      documentation: `${resource}/docs`,
      scopes: () => ['later', 'orders:read']
    }
  })
  const answer = await app.inject(WELL_KNOWN)
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, { 'content-type': /^application\/json/, 'cache-control': 'public, max-age=300' })
  t.same(answer.json(), {
    resource,
    authorization_servers: [ISSUER],
    scopes_supported: ['later', 'orders:read', 'orders:write'],
    bearer_methods_supported: ['header'],
    resource_name: 'Orders',
    resource_documentation: `${resource}/docs`
  })
})

t.test('it names every issuer, and what bound tokens it takes', async t => {
  const both = await openApp(t, {
    issuers: [
      { issuer: ISSUER, keys },
      { issuer: 'https://partner.example', keys }
    ],
    dpop: { origin: resource, algorithms: ['ES256'] },
    certificateBound: true,
    resourceMetadata: { resource }
  })
  t.match((await both.inject(WELL_KNOWN)).json(), {
    authorization_servers: [ISSUER, 'https://partner.example'],
    dpop_signing_alg_values_supported: ['ES256'],
    tls_client_certificate_bound_access_tokens: true
  })
  t.notOk(Object.hasOwn((await both.inject(WELL_KNOWN)).json(), 'dpop_bound_access_tokens_required'))
  const bound = await openApp(t, {
    issuer: ISSUER,
    keys,
    bearer: false,
    dpop: { origin: resource },
    resourceMetadata: { resource }
  })
  const document = (await bound.inject(WELL_KNOWN)).json()
  t.equal(document.dpop_bound_access_tokens_required, true)
  t.notOk(Object.hasOwn(document, 'bearer_methods_supported'), 'a member without values is left out')
})

t.test('V24: a challenge says where that is', async t => {
  const app = await openApp(t, {
    issuer: ISSUER,
    keys,
    dpop: { origin: resource, algorithms: ['ES256'] },
    resourceMetadata: { resource }
  })
  const where = `resource_metadata="${resource}${WELL_KNOWN}"`
  t.equal(
    (await app.inject('/orders')).headers['www-authenticate'],
    `DPoP realm="${AUDIENCE}", ${where}, algs="ES256", Bearer realm="${AUDIENCE}", ${where}`
  )
  const authorization = `Bearer ${signToken(issuerKey('ES256'))}`
  const refused = await app.inject({ url: '/orders', headers: { authorization } })
  t.match(refused.headers['www-authenticate'], `Bearer realm="${AUDIENCE}", ${where}, error="invalid_token"`)
  const silent = await openApp(t, { issuer: ISSUER, keys })
  t.equal((await silent.inject('/orders')).headers['www-authenticate'], `Bearer realm="${AUDIENCE}"`)
  t.equal((await silent.inject(WELL_KNOWN)).statusCode, 404, 'without the option there is no such route')
})

t.test('the path of a resource comes after the well-known part', async t => {
  for (const [path, at] of [
    ['', ''],
    ['/', ''],
    ['/shop', '/shop'],
    ['/shop/eu-1', '/shop/eu-1']
  ] as const) {
    const resourceMetadata = { resource: `${resource}${path}` }
    const app = await openApp(t, { issuer: ISSUER, keys, resourceMetadata })
    const answer = await app.inject(`${WELL_KNOWN}${at}`)
    t.equal(answer.statusCode, 200, path)
    t.equal(answer.json().resource, `${resource}${path}`)
    const challenge = `resource_metadata="${resource}${WELL_KNOWN}${at}"`
    t.match((await app.inject('/orders')).headers['www-authenticate'], challenge)
  }
})

t.test('an address that clients could not trust does not boot', async t => {
  for (const wrong of [
    'http://api.shop.example',
    `${resource}?a=b`,
    `${resource}#a`,
    `${resource}/a%22b`,
    `${resource}/:id`,
    'https://a:b@api.shop.example',
    'api'
  ]) {
    await t.rejects(openApp(t, { issuer: ISSUER, keys, resourceMetadata: { resource: wrong } }), {
      code: 'SALLYPORT_AUTHENTICATION_OPTIONS_INVALID',
      message: /resourceMetadata.resource must be/
    })
  }
})
