import Fastify from 'fastify'
import authorization, { allOf, anyOf, authorizationMatrix, owner, role, scope } from '@sallyport/authorization'

const app = Fastify()
// Your own authentication fills the slot; @sallyport/authentication does it for tokens, cookies and Basic credentials.
app.decorateRequest('principal', null)
app.addHook('onRequest', async request => {
  request.principal = { issuer: null, subject: 'alice', clientId: null, roles: ['CUSTOMER'], scopes: ['orders:read'], audience: null, sessionId: null, tokenId: null, actor: null, issuedAtSeconds: null, expiresAtSeconds: null, claims: {} }
})
await app.register(authorization)

const orders = [{ id: '1', customerId: 'alice' }, { id: '2', customerId: 'bob' }]
const access = allOf(scope('orders:read'), anyOf(role('ADMIN'), owner('customerId')))
const resource = async request => orders.find(order => order.id === request.params.orderId) ?? null
app.get('/orders/:orderId', { config: { access, resource } }, async request => request.resource)

console.log((await app.inject('/orders/1')).statusCode, (await app.inject('/orders/2')).statusCode) // 200 404
console.log(authorizationMatrix(app))
await app.close()
