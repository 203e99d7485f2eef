// Tokens that are bound to a key, at the edge: what the client shows there is not what goes on to a service.
import { createHash, X509Certificate } from 'node:crypto'
import { allOf, anyOf, role, scope } from '@sallyport/authorization'
import { checkSettings } from '../../reference-gateway/src/settings.ts'
import t from 'tap'
import { Agent, request } from 'undici'
import { accessToken, oneRoute, SETTINGS, startEdge } from '../support/edge.ts'
import { dpopKey, dpopProof, hashOfToken } from '../support/dpop.ts'
import { makeAuthority } from '../support/certificates.ts'

const RESOURCE = 'https://localhost'
const thumbprintOf = (pem: string): string =>
  createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url')

t.test('the edge takes bound tokens when configured, exchanges them, and says so', async t => {
  const authority = await makeAuthority()
  const listener = await authority.issue({ names: ['localhost'] })
  const client = await authority.issue({ names: ['mtls-client'] })
  const stranger = await authority.issue({ names: ['somebody'] })
  const edge = await startEdge(t, {
    settings: { edgeTls: true, publicOrigins: [RESOURCE], resource: RESOURCE, boundTokens: ['dpop', 'certificate'] },
    collaborators: {
      tls: { certificate: listener.certificate, privateKey: listener.privateKey, ca: authority.certificate }
    }
  })
  const agents = [client, stranger, null].map(
    issued =>
      new Agent({
        connect: {
          ca: authority.certificate,
          ...(issued !== null && { cert: issued.certificate, key: issued.privateKey })
        }
      })
  )
  t.after(() => Promise.all(agents.map(agent => agent.destroy())))
  const [asClient, asStranger, withoutCertificate] = agents
  const url = `https://localhost:${edge.port}`
  const ask = async (dispatcher: Agent | undefined, headers: Record<string, string>, path = '/orders/1') => {
    const answer = await request(`${url}${path}`, { headers, ...(dispatcher && { dispatcher }) })
    return { statusCode: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
  }

  const byCertificate = await accessToken({ cnf: { 'x5t#S256': thumbprintOf(client.certificate) } })
  const bearer = { authorization: `Bearer ${byCertificate}` }
  t.equal((await ask(asClient, bearer)).statusCode, 200)
  t.same(edge.exchanges, [`${byCertificate} → order-service`])
  const [received] = edge.orders.received
  t.equal(received?.headers.authorization, 'Bearer token-for-order-service', 'the service gets a token of its own')
  t.equal((await ask(asStranger, bearer)).statusCode, 401, 'on the connection of another certificate')
  t.equal((await ask(withoutCertificate, bearer)).statusCode, 401, 'without a certificate')

  const key = dpopKey()
  const byKey = await accessToken({ cnf: { jkt: key.thumbprint } })
  const proof = dpopProof(key, {
    htm: 'GET',
    htu: `${RESOURCE}/orders/1`,
    iat: Math.floor(Date.now() / 1000),
    ath: hashOfToken(byKey)
  })
  const proven = await ask(withoutCertificate, { authorization: `DPoP ${byKey}`, dpop: proof })
  t.equal(proven.statusCode, 200)
  t.notOk(edge.orders.received.at(-1)?.headers.dpop, 'the proof stays at the edge')
  t.equal((await ask(withoutCertificate, { authorization: `DPoP ${byKey}`, dpop: proof })).statusCode, 401, 'replayed')
  t.equal((await ask(withoutCertificate, { authorization: `Bearer ${byKey}` })).statusCode, 401, 'without its proof')

  const unbound = await ask(withoutCertificate, { authorization: `Bearer ${await accessToken()}` })
  t.equal(unbound.statusCode, 200, 'tokens that are bound to nothing go on')

  const metadata = await ask(withoutCertificate, {}, '/.well-known/oauth-protected-resource')
  t.match(JSON.parse(metadata.text), {
    resource: RESOURCE,
    authorization_servers: [SETTINGS.issuer],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'RS256', 'PS256'],
    tls_client_certificate_bound_access_tokens: true
  })
  const challenge = (await ask(withoutCertificate, {})).headers['www-authenticate']
  t.match(challenge, `resource_metadata="${RESOURCE}/.well-known/oauth-protected-resource"`)
})

t.test('the edge says which scopes the routes of its table in use name, beside those of its own routes', async t => {
  const written = anyOf(role('ADMIN'), allOf(role('CUSTOMER'), scope('orders:write', 'orders:read')))
  const edge = await startEdge(t, { settings: { resource: 'http://127.0.0.1' }, table: oneRoute({ access: written }) })
  const supported = async () => {
    const answer = await edge.app.inject({
      url: '/.well-known/oauth-protected-resource',
      headers: { host: '127.0.0.1' }
    })
    return answer.json<{ scopes_supported: string[] }>().scopes_supported
  }
  t.same(await supported(), ['audit:personal', 'audit:read', 'orders:read', 'orders:write'])
  edge.app.forwarding.replace(oneRoute({ access: scope('orders:cancel') })('http://127.0.0.1:1'))
  t.same(await supported(), ['audit:personal', 'audit:read', 'orders:cancel'])
})

t.test('settings for bound tokens that cannot work are mistakes', async t => {
  const refused = (changes: Partial<typeof SETTINGS>, message: RegExp) =>
    t.throws(() => checkSettings({ ...SETTINGS, ...changes }), { code: 'SALLYPORT_GATEWAY_SETTINGS_INVALID', message })
  refused({ boundTokens: ['mtls'] }, /boundTokens: "mtls" is neither dpop nor certificate/)
  refused({ boundTokens: ['dpop'] }, /dpop needs resource/)
  refused({ boundTokens: ['certificate'] }, /certificate needs edgeTls/)
  checkSettings({ ...SETTINGS, boundTokens: ['dpop'], resource: 'http://127.0.0.1:8080' })
})
