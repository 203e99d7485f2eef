import { decide } from '@sallyport/authorization'
import { policies } from '@sallyport/order-service'

const customer = { issuer: 'https://issuer.example', subject: 'u1', clientId: 'gateway', roles: ['CUSTOMER'], scopes: ['orders:read'], audience: 'order-service' }
const principal = { ...customer, sessionId: null, tokenId: null, actor: null, issuedAtSeconds: null, expiresAtSeconds: null, claims: {} }
for (const customerId of ['u1', 'u2']) console.log(customerId, decide(policies.readOrder, { principal, resource: { customerId } }).allowed)
