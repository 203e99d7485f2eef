// Clients that nobody here wrote, with certificates, over real TLS.
import { createHash, X509Certificate } from 'node:crypto'
import { admin } from '@sallyport/auth-server'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t, { type Test } from 'tap'
import { Agent, fetch as undiciFetch } from 'undici'
import { makeAuthority } from '../support/certificates.ts'
import { administration } from '../support/administration.ts'
import { claimsOf, ISSUER, startServer } from '../support/authorization-server.ts'
import { fetchOf } from '../support/fetch-of.ts'

const authority = await makeAuthority()
const [server, mine, others] = await Promise.all([
  authority.issue({ names: ['localhost'], usages: ['server'] }),
  authority.issue({ names: ['client.example'], usages: ['client'] }),
  authority.issue({ names: ['other.example'], usages: ['client'] })
])
const cnf = { 'x5t#S256': createHash('sha256').update(new X509Certificate(mine.certificate).raw).digest('base64url') }

type Fetch = (url: string, init: { method: string }) => Promise<Response>

/**
 * A server with a listener for certificates, and fetches for both of its listeners: the issuer's is not a socket here.
 */
async function start(t: Test): Promise<{ fetchWith: (certificate: typeof mine) => Fetch }> {
  const tls = { certificate: server.certificate, privateKey: server.privateKey, ca: authority.certificate }
  const { app, db } = await startServer(t, { mtlsPort: 0 }, { tls, clientCa: authority.certificate })
  await admin.createClient(administration(db), {
    id: 'certified',
    grantTypes: ['client_credentials'],
    scopes: ['orders:read'],
    defaultAudience: 'sallyport-gateway',
    ownAudience: 'sallyport-gateway',
    authenticationMethods: ['tls_client_auth'],
    certificateSubject: { kind: 'dns', value: 'client.example' }
  })
  return {
    fetchWith: ({ certificate, privateKey }) => {
      const dispatcher = new Agent({ connect: { ca: authority.certificate, cert: certificate, key: privateKey } })
      t.after(async () => {
        await dispatcher.close()
      })
      return async (url, init) =>
        url.startsWith(`${ISSUER}/`)
          ? await fetchOf(app)(url, init as never)
          : ((await undiciFetch(url, { ...init, dispatcher } as never)) as unknown as Response)
    }
  }
}

t.test('oauth4webapi authenticates with a certificate at the aliases of the metadata', async t => {
  const { fetchWith } = await start(t)
  const options = { [oauth.customFetch]: fetchWith(mine) as never }
  const as = await oauth.processDiscoveryResponse(
    new URL(ISSUER),
    await oauth.discoveryRequest(new URL(ISSUER), { ...options, algorithm: 'oauth2' })
  )
  const client: oauth.Client = { client_id: 'certified', use_mtls_endpoint_aliases: true }
  const ask = async (fetch: Fetch) =>
    await oauth.processClientCredentialsResponse(
      as,
      client,
      await oauth.clientCredentialsGrantRequest(
        as,
        client,
        oauth.TlsClientAuth(),
        { scope: 'orders:read' },
        { [oauth.customFetch]: fetch as never }
      )
    )
  const { access_token: value } = await ask(fetchWith(mine))
  t.match(claimsOf(value), { client_id: 'certified', cnf })
  t.match(
    await oauth.processIntrospectionResponse(
      as,
      client,
      await oauth.introspectionRequest(as, client, oauth.TlsClientAuth(), value, options)
    ),
    { active: true, cnf }
  )
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, client, oauth.TlsClientAuth(), value, options)
  )
  t.strictSame(
    await oauth.processIntrospectionResponse(
      as,
      client,
      await oauth.introspectionRequest(as, client, oauth.TlsClientAuth(), value, options)
    ),
    { active: false }
  )
  await t.rejects(
    ask(fetchWith(others)),
    { code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE', status: 401 },
    'with the certificate of somebody else'
  )
})

t.test('openid-client authenticates with a certificate at the aliases of the metadata', async t => {
  const { fetchWith } = await start(t)
  const discover = async (fetch: Fetch) =>
    await openid.discovery(new URL(ISSUER), 'certified', { use_mtls_endpoint_aliases: true }, openid.TlsClientAuth(), {
      [openid.customFetch]: fetch as never,
      algorithm: 'oauth2'
    })
  const configuration = await discover(fetchWith(mine))
  const { access_token: value } = await openid.clientCredentialsGrant(configuration, { scope: 'orders:read' })
  t.match(claimsOf(value), { cnf })
  t.match(await openid.tokenIntrospection(configuration, value), { active: true, cnf })
  await openid.tokenRevocation(configuration, value)
  t.match(await openid.tokenIntrospection(configuration, value), { active: false })
  await t.rejects(
    openid.clientCredentialsGrant(await discover(fetchWith(others))),
    { code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE', status: 401 },
    'with the certificate of somebody else'
  )
})
