// A browser's session, the plugins and a real authorization server: what it refuses is renewed.
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { admin } from '@sallyport/auth-server'
import authentication, { createJwksKeySource, createStatusListSource, sessionRoutes } from '@sallyport/authentication'
import securityContext, { problemDetails, type TokenClient } from '@sallyport/security-context'
import tokenExchange, { createTokenClient } from '@sallyport/token-exchange'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { administration } from '../../support/administration.ts'
import { FACTS, ISSUER, claimsOf, secretOf, startServer } from '../../support/authorization-server.ts'
import { fetchOf } from '../../support/fetch-of.ts'
import { Browser } from '../support/session-app.ts'

async function setUp(t: Test) {
  const server = await startServer(t)
  await server.app.listen({ port: 0, host: '127.0.0.1' })
  const origin = `http://127.0.0.1:${(server.app.server.address() as AddressInfo).port}`
  const asked = { refresh: 0, exchange: 0 }
  const clock = (): number => server.clock.ms
  const fetch = fetchOf(server.app)
  // Nothing is looked at twice: what is revoked after a list was first seen stays unseen here.
  const once = { fetch: fetch as never, clock, startTimer: () => ({ stop: () => {} }) }
  const keys = createJwksKeySource({ jwksUri: `${ISSUER}/oauth2/jwks`, ...once })
  const allowedUris = `${ISSUER}/oauth2/status-lists/`
  const status = createStatusListSource({ issuer: ISSUER, keys, allowedUris, ...once })
  const client = createTokenClient({
    metadata: {
      issuer: ISSUER,
      tokenEndpoint: `${origin}/oauth2/token`,
      revocationEndpoint: `${origin}/oauth2/revoke`,
      jwksUri: null,
      introspectionEndpoint: null,
      authorizationEndpoint: null,
      mtlsEndpointAliases: {}
    },
    clientId: 'gateway',
    clientSecret: secretOf('gateway')
  })
  const tokenClient: TokenClient = {
    ...client,
    refresh: async request => {
      asked.refresh++
      return await client.refresh(request)
    },
    exchange: async request => {
      asked.exchange++
      return await client.exchange(request)
    }
  }
  const app = Fastify()
  await app.register(securityContext)
  await app.register(problemDetails)
  const session = { tokenClient, clock, keys: [{ id: 'k1', key: randomBytes(32) }] }
  await app.register(authentication, { issuer: ISSUER, audience: 'sallyport-gateway', keys, status, clock, session })
  await app.register(tokenExchange, { tokenClient, clock })
  await app.register(sessionRoutes)
  app.get('/orders', { config: { access: 'authenticated', audit: 'none' } }, async request => {
    const claims = claimsOf(await request.exchangeToken('order-service'))
    return { claims, roles: request.principal?.roles }
  })
  t.after(async () => {
    await app.close()
    await status.close()
    await keys.close()
  })
  const browser = new Browser(app)
  const login = await browser.logIn({ username: 'customer1', password: FACTS.users.customer1.password })
  t.equal(login.statusCode, 200)
  return { server, browser, asked, administration: administration(server.db, clock) }
}

t.test('the request after a role change succeeds with the new roles, before any status list shows it', async t => {
  const { browser, asked, administration } = await setUp(t)
  t.same((await browser.get('/session')).json<{ roles: string[] }>().roles, ['CUSTOMER'])
  await admin.setRoles(administration, FACTS.users.customer1.subject, ['CUSTOMER', 'ADMIN'])
  const response = await browser.get('/orders')
  t.equal(response.statusCode, 200)
  const roles = ['ADMIN', 'CUSTOMER']
  t.match(response.json(), { roles, claims: { aud: 'order-service', roles } })
  t.equal(response.cookies.length, 2)
  t.same(asked, { refresh: 1, exchange: 2 })
  t.equal((await browser.get('/orders')).statusCode, 200)
  t.same(asked, { refresh: 1, exchange: 2 })
})

t.test('the request after an emergency key rotation succeeds while the withdrawn key is believed here', async t => {
  const { server, browser, asked, administration } = await setUp(t)
  server.clock.advance(3)
  await admin.rotateInEmergency(administration)
  server.clock.advance(1)
  const response = await browser.get('/orders')
  t.equal(response.statusCode, 200)
  t.equal(response.cookies.length, 2)
  t.same(asked, { refresh: 1, exchange: 2 })
  t.equal((await browser.get('/orders')).statusCode, 200)
  t.equal(asked.refresh, 1)
})
