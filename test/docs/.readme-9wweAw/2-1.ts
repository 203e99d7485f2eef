import Fastify from 'fastify'
import securityContext, { problemDetails } from '@sallyport/security-context'
import authentication from '@sallyport/authentication'

const app = Fastify()
await app.register(securityContext)
await app.register(problemDetails)
await app.register(authentication, {
  issuer: 'http://localhost:8180/realms/shop',
  jwksUri: 'http://localhost:8180/realms/shop/protocol/openid-connect/certs',
  audience: 'order-service',
  profile: 'keycloak'
})
app.get('/health', { config: { access: 'public' } }, async () => 'fine')
app.get('/orders', async request => ({ orders: [], for: request.principal?.subject, roles: request.principal?.roles }))

console.log((await app.inject('/health')).statusCode, (await app.inject('/orders')).statusCode) // 200 401
await app.close()
