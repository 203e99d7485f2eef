import type { ScopeKey } from '../../store/records.ts'
import type { NewClient } from '../new-client.ts'
import type { RoleChanges } from '../roles.ts'
import type { ScopeChanges } from '../scopes.ts'

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const EDGE = 'sallyport-gateway'
const CONFIGURATION_SCOPE = 'config:read'

const DEMO_ROLES: DemoRegistry['roles'] = [
  { name: 'CUSTOMER', descriptions: { en: 'Orders food' } },
  { name: 'RESTAURANT', descriptions: { en: 'Prepares what is ordered' } },
  { name: 'COURIER', descriptions: { en: 'Delivers it' } }
]

/** The demo's described scopes in the second language of its pages; without a line here it is English alone. */
const KOREAN_SCOPES: Readonly<Record<string, string>> = {
  'orders:read': '주문 보기',
  'orders:write': '주문하고 취소하기',
  'restaurants:read': '음식점과 메뉴 보기',
  'restaurants:write': '메뉴를 바꾸고 주문 접수하기',
  'deliveries:read': '배달 보기',
  'deliveries:write': '배달을 맡고 진행하기'
}

const scopeDescriptions = (name: string, en: string): Readonly<Record<string, string>> => {
  const ko = KOREAN_SCOPES[name]
  return ko === undefined ? { en } : { en, ko }
}

/** A service of the deployment, as its package describes it. */
export interface DemoService {
  /** Its audience, and its OAuth client. */
  readonly name: string
  /** A scope with a description is asked for at the edge too; one without exists at this service only. */
  readonly scopes: ReadonlyArray<{ readonly name: string; readonly description?: string }>
  /** The services that it calls, and the scopes that its client has for these calls. */
  readonly calls: { readonly audiences: readonly string[]; readonly scopes: readonly string[] }
}

/** What the authorization server knows about the reference deployment; secrets and keys come from the deployment. */
export interface DemoRegistry {
  /** Its edge and its services. */
  readonly audiences: readonly string[]
  /** What users can be, beside administrators. */
  readonly roles: ReadonlyArray<RoleChanges & { readonly name: string }>
  /** The described ones at their service and at the edge, where a token may carry all of them. */
  readonly scopes: ReadonlyArray<ScopeKey & ScopeChanges>
  /** One client of each kind. */
  readonly clients: readonly NewClient[]
  /** Clients that prove themselves with keys; the deployment makes them and hands the public part to `seedDemo`. */
  readonly keyClients: readonly NewClient[]
}

/** What is registered for a deployment of these services. */
export function demoRegistry(services: readonly DemoService[]): DemoRegistry {
  const names = services.map(({ name }) => name)
  const edgeScopes = services
    .flatMap(({ scopes }) => scopes)
    .flatMap(({ name, description }) => (description === undefined ? [] : [{ name, en: description }]))
  const edgeScopeNames = edgeScopes.map(({ name }) => name)
  const asked = services.filter(({ scopes }) => scopes.some(({ description }) => description !== undefined))
  return {
    audiences: [EDGE, ...names],
    roles: DEMO_ROLES,
    scopes: [
      ...services.flatMap(service => serviceScopes(service)),
      ...edgeScopes.map(({ name, en }) => ({ name, audience: EDGE, descriptions: scopeDescriptions(name, en) })),
      { name: 'admin', audience: EDGE, requiredRole: 'ADMIN' },
      ...[EDGE, ...names].flatMap(audience =>
        ['audit:read', 'audit:personal', 'operations'].map(name => ({ name, audience, requiredRole: 'ADMIN' }))
      )
    ],
    clients: [
      gatewayClient(names, edgeScopeNames),
      ...configurationClient(services),
      ...services.map(serviceClient),
      ...callers(edgeScopeNames)
    ],
    keyClients: [
      machineClient('assertion-client', edgeScopeNames, { authenticationMethods: ['private_key_jwt'] }),
      // It calls services directly too: its tokens are worth nothing without its certificate.
      machineClient('mtls-client', edgeScopeNames, {
        authenticationMethods: ['tls_client_auth'],
        audiences: asked.map(({ name }) => name)
      })
    ]
  }
}

function serviceScopes({ name: audience, scopes }: DemoService): Array<ScopeKey & ScopeChanges> {
  return scopes.map(({ name, description }) =>
    description === undefined
      ? { name, audience }
      : { name, audience, descriptions: scopeDescriptions(name, description) }
  )
}

function gatewayClient(services: readonly string[], edgeScopes: readonly string[]): NewClient {
  return {
    id: 'gateway',
    grantTypes: ['password', 'refresh_token', 'authorization_code', EXCHANGE],
    scopes: [...edgeScopes, 'admin', 'audit:read', 'audit:personal', 'operations', 'openid', 'profile'],
    firstParty: true,
    ownAudience: EDGE,
    defaultAudience: EDGE,
    audiences: [...services, 'auth-server']
  }
}

/**
 * With which the gateway reads its own configuration, where a service keeps any. The client that acts for users gets no
 * tokens for itself.
 */
function configurationClient(services: readonly DemoService[]): NewClient[] {
  return services
    .filter(({ scopes }) => scopes.some(({ name }) => name === CONFIGURATION_SCOPE))
    .map(({ name: audience }) => ({
      id: 'reference-gateway',
      grantTypes: ['client_credentials'],
      scopes: [CONFIGURATION_SCOPE],
      audiences: [audience]
    }))
}

function serviceClient({ name, calls }: DemoService): NewClient {
  return { id: name, grantTypes: ['client_credentials', EXCHANGE], ownAudience: name, ...calls }
}

function machineClient(id: string, scopes: readonly string[], more: Partial<NewClient> = {}): NewClient {
  return { id, grantTypes: ['client_credentials'], scopes, defaultAudience: EDGE, ...more }
}

/** Clients that call the edge: machines, and apps that act for users. */
function callers(edgeScopes: readonly string[]): NewClient[] {
  const forUsers = { grantTypes: ['authorization_code', 'refresh_token'], defaultAudience: EDGE } as const
  return [
    machineClient('machine-client', edgeScopes),
    machineClient('opaque-client', edgeScopes, { accessTokenFormat: 'opaque' }),
    {
      ...forUsers,
      id: 'web-app',
      scopes: [...edgeScopes, 'admin', 'audit:read', 'openid', 'profile'],
      redirectUris: ['http://127.0.0.1:9090/callback']
    },
    {
      ...forUsers,
      id: 'native-app',
      confidential: false,
      scopes: [...edgeScopes, 'openid', 'profile'],
      redirectUris: ['http://127.0.0.1:9091/callback']
    }
  ]
}
