// More of the protocol with clients that nobody here wrote.
import { generateKeyPair, exportJWK } from 'jose'
import type { AddressInfo } from 'node:net'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t from 'tap'
import { admin } from '@sallyport/auth-server'
import { administration } from '../support/administration.ts'
import {
  ACCESS_TOKEN_TYPE,
  claimsOf,
  EXCHANGE,
  FACTS,
  ISSUER,
  login,
  post,
  secretOf,
  startServer
} from '../support/authorization-server.ts'
import { authorized, browser, NATIVE_APP, WEB_APP } from '../support/browser.ts'
import { fetchOf } from '../support/fetch-of.ts'

const pathOf = ({ pathname, search }: URL): string => pathname + search

for (const issuer of [ISSUER, `${ISSUER}/tenants/one`]) {
  t.test(
    `openid-client pushes its authorization request, as a confidential and as a public client, at ${issuer}`,
    async t => {
      const { app } = await startServer(t, { issuer })
      for (const [{ client_id: clientId, redirect_uri: redirectUri }, auth] of [
        [WEB_APP, openid.ClientSecretPost(secretOf('web-app'))],
        [NATIVE_APP, openid.None()]
      ] as const) {
        const configuration = await openid.discovery(new URL(issuer), clientId, {}, auth, {
          [openid.customFetch]: fetchOf(app)
        })
        const [pkceCodeVerifier, expectedState] = [openid.randomPKCECodeVerifier(), openid.randomState()]
        const url = await openid.buildAuthorizationUrlWithPAR(configuration, {
          redirect_uri: redirectUri,
          scope: 'orders:read',
          state: expectedState,
          code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
          code_challenge_method: 'S256'
        })
        t.strictSame([...url.searchParams.keys()].sort(), ['client_id', 'request_uri'])
        const { to, answer } = await authorized(browser(app), pathOf(url))
        const tokens = await openid.authorizationCodeGrant(
          configuration,
          new URL(`${to}?${new URLSearchParams(answer).toString()}`),
          { pkceCodeVerifier, expectedState }
        )
        t.equal(claimsOf(tokens.access_token).client_id, clientId)
      }
    }
  )

  t.test(`openid-client authenticates by a signed assertion and exchanges a token, at ${issuer}`, async t => {
    const { app, db } = await startServer(t, { issuer })
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    await admin.createClient(administration(db), {
      id: 'signing-client',
      grantTypes: ['client_credentials', EXCHANGE],
      scopes: ['orders:read'],
      ownAudience: 'sallyport-gateway',
      defaultAudience: 'sallyport-gateway',
      audiences: ['order-service'],
      authenticationMethods: ['private_key_jwt'],
      jwks: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }]
    })
    const configuration = await openid.discovery(
      new URL(issuer),
      'signing-client',
      {},
      openid.PrivateKeyJwt({ key: privateKey, kid: 'k1' }),
      { [openid.customFetch]: fetchOf(app) }
    )
    const own = await openid.clientCredentialsGrant(configuration, { scope: 'orders:read' })
    t.equal(own.scope, 'orders:read')
    const {
      body: { access_token: subject }
    } = await post(app, `${new URL(issuer).pathname.replace(/\/$/, '')}/oauth2/token`, 'gateway', {
      grant_type: 'password',
      username: 'customer1',
      password: FACTS.users.customer1.password
    })
    const exchanged = await openid.genericGrantRequest(configuration, EXCHANGE, {
      subject_token: subject,
      subject_token_type: ACCESS_TOKEN_TYPE,
      audience: 'order-service'
    })
    t.match(claimsOf(exchanged.access_token), {
      aud: 'order-service',
      sub: FACTS.users.customer1.subject,
      act: { sub: 'signing-client' }
    })
    t.match(await openid.tokenIntrospection(configuration, subject), { active: true })
    const refused = await openid.tokenRevocation(configuration, exchanged.access_token).then(
      () => null,
      (error: unknown) => error
    )
    t.match(refused, { error: 'unsupported_token_type' }, "its position is that of another client's session")
    await openid.tokenRevocation(configuration, own.access_token)
  })
}

t.test('oauth4webapi takes a signed introspection answer', async t => {
  const { app } = await startServer(t)
  const options = { [oauth.customFetch]: fetchOf(app) }
  const as = await oauth.processDiscoveryResponse(
    new URL(ISSUER),
    await oauth.discoveryRequest(new URL(ISSUER), { ...options, algorithm: 'oauth2' })
  )
  const client = { client_id: 'gateway', introspection_signed_response_alg: 'ES256' }
  const { access_token: value } = (await login(app)).body
  const response = await oauth.introspectionRequest(as, client, oauth.ClientSecretBasic(secretOf('gateway')), value, {
    ...options,
    requestJwtResponse: true
  })
  t.match(response.headers.get('content-type'), 'application/token-introspection+jwt')
  t.match(await oauth.processIntrospectionResponse(as, client, response), {
    active: true,
    sub: FACTS.users.customer1.subject
  })
})

interface SimpleToken {
  token: Record<string, string>
  refresh: () => Promise<SimpleToken>
  revoke: (kind: string) => Promise<void>
}
interface SimpleClient {
  getToken: (parameters: object) => Promise<SimpleToken>
  authorizeURL: (parameters: object) => string
}
type SimpleModule = Record<
  'AuthorizationCode' | 'ClientCredentials' | 'ResourceOwnerPassword',
  new (options: object) => SimpleClient
>

for (const prefix of ['', '/tenants/one']) {
  t.test(
    `simple-oauth2 works with the server${prefix === '' ? '' : ` under ${prefix}`}: code, password, client credentials, refresh and revocation`,
    async t => {
      const { app } = await startServer(t, { issuer: `${ISSUER}${prefix}` })
      await app.listen({ host: '127.0.0.1', port: 0 })
      // @ts-expect-error the package ships no types
      const { default: simple } = (await import('simple-oauth2')) as { default: SimpleModule }
      const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
      const options = (id: string, more: object = {}) => ({
        client: { id, secret: secretOf(id) },
        auth: { tokenHost: origin, tokenPath: `${prefix}/oauth2/token`, revokePath: `${prefix}/oauth2/revoke`, ...more }
      })
      const machine = await new simple.ClientCredentials(options('machine-client')).getToken({ scope: 'orders:read' })
      t.match(claimsOf(machine.token.access_token ?? ''), { sub: 'machine-client' })

      const password = await new simple.ResourceOwnerPassword(options('gateway')).getToken({
        username: 'customer1',
        password: FACTS.users.customer1.password
      })
      const refreshed = await password.refresh()
      t.not(refreshed.token.refresh_token, password.token.refresh_token)
      await refreshed.revoke('refresh_token')
      await t.rejects(refreshed.refresh(), { message: /400/ })

      const client = new simple.AuthorizationCode(options('web-app', { authorizePath: `${prefix}/oauth2/authorize` }))
      const verifier = openid.randomPKCECodeVerifier()
      const challenge = await openid.calculatePKCECodeChallenge(verifier)
      const url = new URL(
        client.authorizeURL({
          redirect_uri: WEB_APP.redirect_uri,
          scope: 'orders:read',
          state: 's',
          code_challenge: challenge,
          code_challenge_method: 'S256'
        })
      )
      const { answer } = await authorized(browser(app), pathOf(url))
      const { token } = await client.getToken({
        code: answer.code,
        redirect_uri: WEB_APP.redirect_uri,
        code_verifier: verifier
      })
      t.match(claimsOf(token.access_token ?? ''), { client_id: 'web-app', sub: FACTS.users.customer1.subject })
    }
  )
}
