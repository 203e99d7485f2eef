import type { ScopeChanges } from '../scopes.ts'
import type { ScopeKey } from '../../store/records.ts'
import type { NewClient } from '../new-client.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const EDGE = 'sallyport-gateway'
const SERVICES = ['order-service', 'restaurant-service', 'delivery-service'] as const

const DOMAIN_SCOPES = [
  ['orders:read', 'order-service', 'Read orders'],
  ['orders:write', 'order-service', 'Place and change orders'],
  ['restaurants:read', 'restaurant-service', 'Read restaurants and menus'],
  ['restaurants:write', 'restaurant-service', 'Change restaurants and menus'],
  ['deliveries:read', 'delivery-service', 'Read deliveries'],
  ['deliveries:write', 'delivery-service', 'Change deliveries']
] as const

/** The audiences of the reference deployment: its edge and its services. */
export const DEMO_AUDIENCES: readonly string[] = [EDGE, ...SERVICES]

/** The scopes of the reference deployment: each at its service and at the edge, where a token may carry all of them. */
export const DEMO_SCOPES: ReadonlyArray<ScopeKey & ScopeChanges> = [
  ...DOMAIN_SCOPES.flatMap(([name, service, en]) =>
    [service, EDGE].map(audience => ({ name, audience, descriptions: { en } }))
  ),
  // order-service reads menus in the customer's name: its token has to carry what the next exchange may keep.
  { name: 'restaurants:read', audience: 'order-service' },
  // What a user may write goes with the calls that follow from it: the next service asks for it too.
  { name: 'orders:write', audience: 'restaurant-service' },
  { name: 'restaurants:write', audience: 'delivery-service' },
  // For recovery, which has no caller: only at the one service, and of no client that acts for users.
  { name: 'tickets:recover', audience: 'restaurant-service' },
  { name: 'deliveries:recover', audience: 'delivery-service' },
  { name: 'admin', audience: EDGE, requiredRole: 'ADMIN' },
  ...[EDGE, ...SERVICES].map(audience => ({ name: 'audit:read', audience, requiredRole: 'ADMIN' }))
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
