import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { dpopKey, dpopProof } from '../support/dpop.ts'
import {
  ACCESS_TOKEN_TYPE,
  basic,
  EXCHANGE,
  ISSUER,
  login,
  startServer,
  token
} from '../support/authorization-server.ts'
import { authorizeUrl, browser, pkce, requestOf } from '../support/browser.ts'

t.test('G-13: no address in a request, a token, an assertion or a proof is fetched', async t => {
  let connections = 0
  const canary = createServer(socket => {
    connections++
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(canary, 'listening')
  t.teardown(() => {
    canary.close()
  })
  const address = `http://127.0.0.1:${(canary.address() as AddressInfo).port}/keys`
  const { app } = await startServer(t, { dpopNonceRequired: false })

  const user = browser(app)
  const { challenge } = pkce()
  for (const more of [
    { request_uri: address },
    { request: 'x.y.z', request_uri: address },
    { redirect_uri: address },
    { jwks_uri: address },
    { client_id: address, redirect_uri: address },
    { resource: address },
    { registration: `{"jwks_uri":"${address}"}` }
  ]) {
    await user.get(authorizeUrl(requestOf(challenge, more)))
    await token(app, 'web-app', { grant_type: 'client_credentials', ...more })
  }

  const session = (await login(app)).body
  const [, payload = '', signature = ''] = session.access_token.split('.')
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const header = (typ: string): string => encoded({ typ, alg: 'ES256', kid: address, jku: address, x5u: address })
  const pointing = `${header('at+jwt')}.${payload}.${signature}`
  await app.inject({ url: '/sessions', headers: { authorization: `Bearer ${pointing}` } })
  await token(app, 'gateway', {
    grant_type: EXCHANGE,
    subject_token: pointing,
    subject_token_type: ACCESS_TOKEN_TYPE,
    audience: 'order-service',
    resource: address
  })
  await app.inject({
    method: 'POST',
    url: '/oauth2/introspect',
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: basic('gateway') },
    payload: new URLSearchParams({ token: pointing }).toString()
  })
  const assertion = `${header('JWT')}.${encoded({ iss: 'web-app', sub: 'web-app', aud: ISSUER, jti: 'x', exp: 4e9, jwks_uri: address })}.${signature}`
  await token(app, null, {
    grant_type: 'client_credentials',
    client_assertion: assertion,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
  })
  const proof = dpopProof(
    dpopKey(),
    { htm: 'POST', htu: `${ISSUER}/oauth2/token`, iat: Math.floor(Date.now() / 1000) },
    { jku: address, x5u: address }
  )
  await app.inject({
    method: 'POST',
    url: '/oauth2/token',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: basic('machine-client'),
      dpop: proof
    },
    payload: 'grant_type=client_credentials'
  })
  await user.get(
    authorizeUrl(requestOf(challenge, { prompt: 'none', id_token_hint: `${header('JWT')}.${payload}.${signature}` }))
  )
  await user.get(
    `/oauth2/end-session?${new URLSearchParams({ id_token_hint: `${header('JWT')}.${payload}.${signature}`, post_logout_redirect_uri: address }).toString()}`
  )

  // Whatever would have been asked for has been by the time that a connection of our own arrives.
  const own = once(canary, 'connection')
  await fetch(address).catch(() => {})
  await own
  t.equal(connections, 1, 'only the test’s own')
})
