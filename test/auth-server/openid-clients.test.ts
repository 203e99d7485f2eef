import { admin } from '@sallyport/auth-server'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t from 'tap'
import { administration } from '../support/administration.ts'
import { claimsOf, FACTS, ISSUER, secretOf, startServer } from '../support/authorization-server.ts'
import { authorized, browser, WEB_APP } from '../support/browser.ts'
import { codeFlow } from './support/code-flow.ts'
import { fetchOf } from '../support/fetch-of.ts'
import { deliveryByHand, startRelyingParty, validLogoutToken } from './support/relying-party.ts'

const { subject } = FACTS.users.customer1
const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  await work.then(
    () => null,
    (error: unknown) => error
  )
const pathOf = ({ pathname, search }: URL): string => pathname + search

for (const [issuer, isBound] of [
  [ISSUER, false],
  [`${ISSUER}/tenants/one`, false],
  [ISSUER, true]
] as const) {
  t.test(
    `openid-client works with the server at ${issuer}${isBound ? ' with DPoP' : ''}: OpenID discovery, code flow, id_token, userinfo, refresh and logout`,
    async t => {
      const { app, db } = await startServer(t, { issuer })
      await admin.setClientLogout(administration(db), 'web-app', { postLogoutRedirectUris: ['https://rp.example/bye'] })
      const configuration = await openid.discovery(
        new URL(issuer),
        'web-app',
        {},
        openid.ClientSecretBasic(secretOf('web-app')),
        { [openid.customFetch]: fetchOf(app) }
      )
      // The signature too, and not only what TLS vouches for.
      openid.enableNonRepudiationChecks(configuration)
      const options = isBound
        ? { DPoP: openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair('ES256')) }
        : {}
      const [pkceCodeVerifier, expectedNonce, expectedState] = [
        openid.randomPKCECodeVerifier(),
        openid.randomNonce(),
        openid.randomState()
      ]
      const user = browser(app)
      const { to, answer } = await authorized(
        user,
        pathOf(
          openid.buildAuthorizationUrl(configuration, {
            redirect_uri: WEB_APP.redirect_uri,
            scope: 'openid profile orders:read',
            code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
            code_challenge_method: 'S256',
            nonce: expectedNonce,
            state: expectedState,
            max_age: '600'
          })
        )
      )
      const callback = new URL(`${to}?${new URLSearchParams(answer).toString()}`)
      const tokens = await openid.authorizationCodeGrant(
        configuration,
        callback,
        { pkceCodeVerifier, expectedNonce, expectedState, idTokenExpected: true, maxAge: 600 },
        {},
        options
      )
      t.match(tokens.claims(), {
        sub: subject,
        aud: 'web-app',
        preferred_username: 'customer1',
        amr: ['pwd'],
        nonce: expectedNonce
      })
      t.equal(tokens.token_type, isBound ? 'dpop' : 'bearer')
      t.strictSame(await openid.fetchUserInfo(configuration, tokens.access_token, subject, options), {
        sub: subject,
        preferred_username: 'customer1'
      })
      const refreshed = await openid.refreshTokenGrant(configuration, tokens.refresh_token ?? '', {}, options)
      t.match(refreshed.claims(), { sub: subject, sid: tokens.claims()?.sid, auth_time: tokens.claims()?.auth_time })
      const end = openid.buildEndSessionUrl(configuration, {
        id_token_hint: refreshed.id_token ?? '',
        post_logout_redirect_uri: 'https://rp.example/bye',
        state: 'state-2'
      })
      t.equal((await user.get(pathOf(end))).headers.location, 'https://rp.example/bye?state=state-2')
      t.match(await failureOf(openid.fetchUserInfo(configuration, refreshed.access_token, subject, options)), {
        status: 401
      })
      t.match(await failureOf(openid.refreshTokenGrant(configuration, refreshed.refresh_token ?? '', {}, options)), {
        error: 'invalid_grant'
      })
    }
  )
}

t.test('userinfo takes a token that is bound to a DPoP key only with its proof', async t => {
  const { app } = await startServer(t)
  const fetch = fetchOf(app)
  const configuration = await openid.discovery(
    new URL(ISSUER),
    'web-app',
    {},
    openid.ClientSecretBasic(secretOf('web-app')),
    { [openid.customFetch]: fetch }
  )
  const handle = async () => openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair('ES256'))
  const [DPoP, other] = [await handle(), await handle()]
  const { tokens } = await codeFlow(app)
  const bound = await openid.refreshTokenGrant(configuration, tokens.refresh_token ?? '', {}, { DPoP })
  t.strictSame(await openid.fetchUserInfo(configuration, bound.access_token, subject, { DPoP }), { sub: subject })
  t.match(
    await failureOf(openid.fetchUserInfo(configuration, bound.access_token, subject, { DPoP: other })),
    { status: 401 },
    'another key'
  )
  t.match(
    await failureOf(openid.fetchUserInfo(configuration, bound.access_token, subject)),
    { status: 401 },
    'as a bearer token'
  )
  t.match(
    await failureOf(openid.fetchUserInfo(configuration, tokens.access_token, subject, { DPoP })),
    { status: 401 },
    'one that is not bound'
  )
})

t.test('oauth4webapi works with the server: id_token with nonce, max_age and signature, userinfo', async t => {
  const { app, clock } = await startServer(t)
  const options = { [oauth.customFetch]: fetchOf(app) }
  const url = new URL(ISSUER)
  const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, options))
  const client: oauth.Client = { client_id: 'web-app', id_token_signed_response_alg: 'ES256', require_auth_time: true }
  const [verifier, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomNonce()]
  const request = new URL(as.authorization_endpoint ?? '')
  request.search = new URLSearchParams({
    ...WEB_APP,
    response_type: 'code',
    scope: 'openid',
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256'
  }).toString()
  const { to, answer } = await authorized(browser(app), pathOf(request))
  const parameters = oauth.validateAuthResponse(as, client, new URL(`${to}?${new URLSearchParams(answer).toString()}`))
  const response = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    oauth.ClientSecretPost(secretOf('web-app')),
    parameters,
    WEB_APP.redirect_uri,
    verifier,
    options
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: nonce,
    maxAge: 60,
    requireIdToken: true
  })
  await oauth.validateApplicationLevelSignature(as, response, options)
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  t.match(claims, { sub: subject, auth_time: Math.floor(clock.ms / 1000) })
  t.strictSame(
    await oauth.processUserInfoResponse(
      as,
      client,
      claims?.sub ?? '',
      await oauth.userInfoRequest(as, client, tokens.access_token, options)
    ),
    { sub: subject }
  )
})

t.test('O-35: when a user logs out at one client, every client of that browser hears of its own session', async t => {
  const [web, native] = [await startRelyingParty(t), await startRelyingParty(t)]
  const { collaborators, deliver } = deliveryByHand()
  const { app, db, clock } = await startServer(t, {}, collaborators)
  await admin.setClientLogout(administration(db), 'web-app', { backchannelLogoutUri: web.uri })
  await admin.setClientLogout(administration(db), 'gateway', { backchannelLogoutUri: native.uri })
  const first = await codeFlow(app)
  const second = await codeFlow(app, { user: first.user })
  const elsewhere = await codeFlow(app)
  await db('sessions')
    .where({ id: claimsOf(second.tokens.access_token).sid })
    .update({ client_id: 'gateway' })
  await first.user.get(`/oauth2/end-session?id_token_hint=${first.tokens.id_token ?? ''}`)
  await deliver()
  t.strictSame([web.received.length, native.received.length], [1, 1])
  const { payload } = await validLogoutToken(app, web.received[0] ?? '', 'web-app', clock.ms)
  t.equal(payload.sid, claimsOf(first.tokens.id_token ?? '').sid, 'the sid of the id_token')
  t.equal(
    (await validLogoutToken(app, native.received[0] ?? '', 'gateway', clock.ms)).payload.sid,
    claimsOf(second.tokens.id_token ?? '').sid
  )
  const hint = await first.user.get(`/oauth2/end-session?id_token_hint=${web.received[0] ?? ''}`)
  t.match(hint.body, /Logged out/)
  t.equal(
    (await app.inject({ url: '/oauth2/userinfo', headers: { authorization: `Bearer ${web.received[0] ?? ''}` } }))
      .statusCode,
    401,
    'a logout token opens nothing'
  )
  t.equal(
    (
      await app.inject({
        url: '/oauth2/userinfo',
        headers: { authorization: `Bearer ${elsewhere.tokens.access_token}` }
      })
    ).statusCode,
    200,
    'another browser goes on'
  )
})
