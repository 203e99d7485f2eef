import type { Scope } from '../../store/records.ts'
import type { NewClient } from '../new-client.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const EDGE = 'sallyport-gateway'
const SERVICES = ['order-service', 'restaurant-service', 'delivery-service'] as const

const DOMAIN_SCOPES = [
  ['orders:read', 'order-service'],
  ['orders:write', 'order-service'],
  ['restaurants:read', 'restaurant-service'],
  ['restaurants:write', 'restaurant-service'],
  ['deliveries:read', 'delivery-service'],
  ['deliveries:write', 'delivery-service']
] as const

/** The scopes of the reference deployment: each at its service and at the edge, where a token may carry all of them. */
export const DEMO_SCOPES: readonly Scope[] = [
  ...DOMAIN_SCOPES.flatMap(([name, service]) =>
    [service, EDGE].map(audience => ({ name, audience, requiredRole: null }))
  ),
  // order-service reads menus in the customer's name: its token has to carry what the next exchange may keep.
  { name: 'restaurants:read', audience: 'order-service', requiredRole: null },
  // What a user may write goes with the calls that follow from it: the next service asks for it too.
  { name: 'orders:write', audience: 'restaurant-service', requiredRole: null },
  { name: 'restaurants:write', audience: 'delivery-service', requiredRole: null },
  // For recovery, which has no caller: only at the one service, and of no client that acts for users.
  { name: 'tickets:recover', audience: 'restaurant-service', requiredRole: null },
  { name: 'deliveries:recover', audience: 'delivery-service', requiredRole: null },
  ...['auth-server', EDGE].map(audience => ({ name: 'admin', audience, requiredRole: 'ADMIN' })),
  ...['auth-server', EDGE, ...SERVICES].map(audience => ({ name: 'audit:read', audience, requiredRole: 'ADMIN' }))
]

const DOMAIN_SCOPE_NAMES = DOMAIN_SCOPES.map(([name]) => name)
const USER_SCOPE_NAMES = [...DOMAIN_SCOPE_NAMES, 'admin', 'audit:read']

/** The clients of the reference deployment, one of each kind; secrets come from the deployment. */
export const DEMO_CLIENTS: readonly NewClient[] = [
  {
    id: 'gateway',
    grantTypes: ['password', 'refresh_token', 'authorization_code', EXCHANGE],
    scopes: USER_SCOPE_NAMES,
    ownAudience: EDGE,
    defaultAudience: EDGE,
    audiences: [...SERVICES, 'auth-server']
  },
  {
    id: 'order-service',
    grantTypes: ['client_credentials', EXCHANGE],
    scopes: ['restaurants:read', 'restaurants:write', 'tickets:recover'],
    ownAudience: 'order-service',
    audiences: ['restaurant-service']
  },
  {
    id: 'restaurant-service',
    grantTypes: ['client_credentials', EXCHANGE],
    scopes: ['deliveries:read', 'deliveries:write', 'deliveries:recover'],
    ownAudience: 'restaurant-service',
    audiences: ['delivery-service']
  },
  { id: 'delivery-service', grantTypes: ['client_credentials', EXCHANGE], ownAudience: 'delivery-service' },
  { id: 'machine-client', grantTypes: ['client_credentials'], scopes: DOMAIN_SCOPE_NAMES, defaultAudience: EDGE },
  {
    id: 'opaque-client',
    grantTypes: ['client_credentials'],
    scopes: DOMAIN_SCOPE_NAMES,
    defaultAudience: EDGE,
    accessTokenFormat: 'opaque'
  },
  {
    id: 'web-app',
    grantTypes: ['authorization_code', 'refresh_token'],
    scopes: [...USER_SCOPE_NAMES, 'openid', 'profile'],
    defaultAudience: EDGE,
    redirectUris: ['http://127.0.0.1:9090/callback']
  },
  {
    id: 'native-app',
    confidential: false,
    grantTypes: ['authorization_code', 'refresh_token'],
    scopes: [...DOMAIN_SCOPE_NAMES, 'openid', 'profile'],
    defaultAudience: EDGE,
    redirectUris: ['http://127.0.0.1:9091/callback']
  }
]

/** Clients that prove themselves with keys; the deployment makes the keys and hands their public part to `seedDemo`. */
export const DEMO_KEY_CLIENTS: readonly NewClient[] = [
  {
    id: 'assertion-client',
    grantTypes: ['client_credentials'],
    scopes: DOMAIN_SCOPE_NAMES,
    defaultAudience: EDGE,
    authenticationMethods: ['private_key_jwt']
  },
  {
    id: 'mtls-client',
    grantTypes: ['client_credentials'],
    scopes: DOMAIN_SCOPE_NAMES,
    defaultAudience: EDGE,
    authenticationMethods: ['tls_client_auth']
  }
]
