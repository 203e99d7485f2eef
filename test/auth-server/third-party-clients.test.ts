import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t from 'tap'
import { claimsOf, EXCHANGE, FACTS, ISSUER, secretOf, startServer } from '../support/authorization-server.ts'
import { fetchOf } from '../support/fetch-of.ts'

for (const issuer of [ISSUER, `${ISSUER}/tenants/one`]) {
  t.test(
    `oauth4webapi works with the server at ${issuer}: discovery, every grant, introspection and revocation`,
    async t => {
      const { app } = await startServer(t, { issuer })
      const options = { [oauth.customFetch]: fetchOf(app) }
      const url = new URL(issuer)
      const as = await oauth.processDiscoveryResponse(
        url,
        await oauth.discoveryRequest(url, { ...options, algorithm: 'oauth2' })
      )
      t.equal(as.issuer, issuer)
      const machine = { client_id: 'machine-client' }
      const granted = await oauth.processClientCredentialsResponse(
        as,
        machine,
        await oauth.clientCredentialsGrantRequest(
          as,
          machine,
          oauth.ClientSecretBasic(secretOf('machine-client')),
          { scope: 'orders:read' },
          options
        )
      )
      t.match(granted, { token_type: 'bearer', expires_in: 300, scope: 'orders:read' })

      const gateway = { client_id: 'gateway' }
      const auth = oauth.ClientSecretPost(secretOf('gateway'))
      const generic = async (grant: string, form: Record<string, string>) =>
        await oauth.processGenericTokenEndpointResponse(
          as,
          gateway,
          await oauth.genericTokenEndpointRequest(as, gateway, auth, grant, form, options)
        )
      const session = await generic('password', { username: 'customer1', password: FACTS.users.customer1.password })
      const refreshed = await oauth.processRefreshTokenResponse(
        as,
        gateway,
        await oauth.refreshTokenGrantRequest(as, gateway, auth, session.refresh_token ?? '', options)
      )
      const exchanged = await generic(EXCHANGE, {
        subject_token: refreshed.access_token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: 'order-service'
      })
      t.match(claimsOf(exchanged.access_token), { aud: 'order-service', iss: issuer })

      const introspect = async () =>
        await oauth.processIntrospectionResponse(
          as,
          gateway,
          await oauth.introspectionRequest(as, gateway, auth, refreshed.access_token, options)
        )
      t.match(await introspect(), { active: true, client_id: 'gateway' })
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(as, gateway, auth, refreshed.refresh_token ?? '', options)
      )
      t.strictSame(await introspect(), { active: false })
      const refused = await generic('refresh_token', { refresh_token: refreshed.refresh_token ?? '' }).catch(
        (error: unknown) => error
      )
      t.match(refused, { error: 'invalid_grant' })
    }
  )
}

t.test(
  'openid-client works with the server: discovery, client credentials, refresh, introspection and revocation',
  async t => {
    const { app } = await startServer(t)
    const configuration = await openid.discovery(
      new URL(ISSUER),
      'gateway',
      {},
      openid.ClientSecretBasic(secretOf('gateway')),
      { [openid.customFetch]: fetchOf(app), algorithm: 'oauth2' }
    )
    const session = await openid.genericGrantRequest(configuration, 'password', {
      username: 'customer1',
      password: FACTS.users.customer1.password
    })
    const refreshed = await openid.refreshTokenGrant(configuration, session.refresh_token ?? '')
    t.match(await openid.tokenIntrospection(configuration, refreshed.access_token), { active: true })
    await openid.tokenRevocation(configuration, refreshed.refresh_token ?? '')
    t.match(await openid.tokenIntrospection(configuration, refreshed.access_token), { active: false })
    const machine = await openid.discovery(
      new URL(ISSUER),
      'machine-client',
      {},
      openid.ClientSecretPost(secretOf('machine-client')),
      { [openid.customFetch]: fetchOf(app), algorithm: 'oauth2' }
    )
    t.match(await openid.clientCredentialsGrant(machine, { scope: 'orders:read' }), { scope: 'orders:read' })
    const wrong = await openid.discovery(new URL(ISSUER), 'machine-client', {}, openid.ClientSecretPost('wrong'), {
      [openid.customFetch]: fetchOf(app),
      algorithm: 'oauth2'
    })
    t.match(await openid.clientCredentialsGrant(wrong).catch((error: unknown) => error), {
      code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE',
      status: 401
    })
  }
)
