import { decide } from '@sallyport/authorization'
import { policies } from '@sallyport/delivery-service'

const courier = { issuer: 'https://issuer.example', subject: 'c1', clientId: 'gateway', roles: ['COURIER'], scopes: ['deliveries:read'], audience: 'delivery-service' }
const principal = { ...courier, sessionId: null, tokenId: null, actor: null, issuedAtSeconds: null, expiresAtSeconds: null, claims: {} }
const deliveries = [{ state: 'SCHEDULED', courierId: null }, { state: 'ACCEPTED', courierId: 'c1' }, { state: 'ACCEPTED', courierId: 'c2' }]
for (const resource of deliveries) console.log(resource, decide(policies.readDelivery, { principal, resource }).allowed)
