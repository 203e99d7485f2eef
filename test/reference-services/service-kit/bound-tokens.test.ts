import { createHash, X509Certificate } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import * as orderService from '@sallyport/order-service'
import t from 'tap'
import { Agent, request } from 'undici'
import { makeAuthority } from '../../support/certificates.ts'
import { authority as issuer, SETTINGS, startService } from '../support/services.ts'

t.test('a service takes tokens that are bound to a certificate, and says whose tokens it takes', async t => {
  const authority = await makeAuthority()
  const listener = await authority.issue({ names: ['localhost'] })
  const client = await authority.issue({ names: ['mtls-client'] })
  const resource = 'https://orders.example'
  const { app } = await startService(
    t,
    orderService,
    { ...SETTINGS, restaurantServiceOrigin: 'https://restaurant.example', resource, boundTokens: ['certificate'] },
    { tls: { certificate: listener.certificate, privateKey: listener.privateKey, ca: authority.certificate } }
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const plain = new Agent({ connect: { ca: authority.certificate } })
  const bound = new Agent({
    connect: { ca: authority.certificate, cert: client.certificate, key: client.privateKey }
  })
  t.after(() => Promise.all([plain.destroy(), bound.destroy()]))
  const ask = async (dispatcher: Agent, path: string, headers: Record<string, string> = {}) => {
    const answer = await request(`https://localhost:${port}${path}`, { headers, dispatcher })
    return { status: answer.statusCode, challenge: answer.headers['www-authenticate'], text: await answer.body.text() }
  }
  const thumbprint = createHash('sha256').update(new X509Certificate(client.certificate).raw).digest('base64url')
  const token = await issuer.mint({
    subject: 'mtls-client',
    audience: 'order-service',
    roles: ['ADMIN'],
    scope: 'orders:read',
    claims: { client_id: 'mtls-client', cnf: { 'x5t#S256': thumbprint } }
  })
  const authorization = `Bearer ${token}`
  t.equal((await ask(bound, '/orders', { authorization })).status, 200)
  t.equal((await ask(plain, '/orders', { authorization })).status, 401)
  const { challenge } = await ask(plain, '/orders')
  t.match(challenge, `resource_metadata="${resource}/.well-known/oauth-protected-resource"`)
  t.match(JSON.parse((await ask(plain, '/.well-known/oauth-protected-resource')).text), {
    resource,
    authorization_servers: [SETTINGS.issuer],
    scopes_supported: ['audit:personal', 'audit:read', 'orders:read', 'orders:write'],
    tls_client_certificate_bound_access_tokens: true
  })
})
