import t, { type Test } from 'tap'
import { createTokenVerifier, type Profile } from '@sallyport/authentication'
import { AUDIENCE, clock, fixedKeys, ISSUER, issuerKey, NOW, signToken } from '../../support/issuer.ts'

const key = issuerKey('RS256')
const times = { iat: NOW - 10, exp: NOW + 290 }

function verifierFor(profile: Profile, issuer = ISSUER, audience = AUDIENCE) {
  return createTokenVerifier({ issuer, audience, profile, keys: fixedKeys(key), clock })
}

async function refuses(
  t: Test,
  verifier: ReturnType<typeof verifierFor>,
  token: string,
  reason: string,
  title: string
) {
  await t.rejects(verifier.verify(token), { code: 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID', reason }, title)
}

/** As Keycloak 26 issues it to a confidential client with the realm roles, audience and basic scopes. */
const keycloak = {
  ...times,
  jti: 'onrtac:3f1f2c6e-6c0f-4ae4-9d0a-0f9b4ad1d0b6',
  iss: 'https://keycloak.example/realms/shop',
  aud: ['order-service', 'account'],
  sub: '2d9f4a0e-8f51-4a4e-8f25-2c3f5a1d7c11',
  typ: 'Bearer',
  azp: 'web-shop',
  sid: '6b2c4f0a-1111-4222-8333-944445555666',
  acr: '1',
  'allowed-origins': ['https://shop.example'],
  realm_access: { roles: ['offline_access', 'CUSTOMER'] },
  resource_access: { 'order-service': { roles: ['clerk', 'CUSTOMER'] }, account: { roles: ['manage-account'] } },
  scope: 'openid profile orders:read',
  preferred_username: 'alice'
}

t.test('keycloak: client in azp, roles of the realm and of this audience, kind of token in the claim typ', async t => {
  const verifier = verifierFor('keycloak', keycloak.iss)
  t.match(await verifier.verify(signToken(key, keycloak, { typ: 'JWT' })), {
    subject: keycloak.sub,
    clientId: 'web-shop',
    roles: ['offline_access', 'CUSTOMER', 'clerk'],
    scopes: ['openid', 'profile', 'orders:read'],
    sessionId: keycloak.sid,
    tokenId: keycloak.jti
  })
  for (const typ of ['ID', 'Refresh', 'Offline', 'Logout', undefined, 'bearer']) {
    await refuses(
      t,
      verifier,
      signToken(key, { ...keycloak, typ }, { typ: 'JWT' }),
      'token-type-mismatch',
      `claim typ ${typ}`
    )
  }
  await refuses(
    t,
    verifier,
    signToken(key, { ...keycloak, aud: 'account' }, { typ: 'JWT' }),
    'audience-mismatch',
    'the account audience alone'
  )
  await refuses(t, verifier, signToken(key, { ...keycloak, azp: undefined }, { typ: 'JWT' }), 'claim-missing', 'no azp')
  await refuses(
    t,
    verifier,
    signToken(key, { ...keycloak, realm_access: { roles: 'ADMIN' } }, { typ: 'JWT' }),
    'claim-invalid',
    'roles that are no list'
  )
  const bare = await verifier.verify(
    signToken(
      key,
      { ...keycloak, realm_access: undefined, resource_access: { account: { roles: ['manage-account'] } } },
      { typ: 'JWT' }
    )
  )
  t.same(bare.roles, [], "another client's roles are not this service's")
})

/** As Auth0 issues it in its own dialect for an API with RBAC and "add permissions in the access token". */
const auth0 = {
  ...times,
  iss: 'https://shop.eu.auth0.com/',
  sub: 'auth0|5f7c8ec7c33c6c004bbafe82',
  aud: ['https://orders.example', 'https://shop.eu.auth0.com/userinfo'],
  azp: 'my_client_id',
  scope: 'openid profile read:orders',
  permissions: ['read:orders', 'cancel:orders']
}

t.test('auth0: client in azp, permissions as roles, no jti; ID tokens are refused', async t => {
  const verifier = verifierFor('auth0', auth0.iss, 'https://orders.example')
  t.match(await verifier.verify(signToken(key, auth0, { typ: 'JWT' })), {
    subject: auth0.sub,
    clientId: 'my_client_id',
    roles: ['read:orders', 'cancel:orders'],
    scopes: ['openid', 'profile', 'read:orders'],
    tokenId: null
  })
  await refuses(
    t,
    verifier,
    signToken(key, { ...auth0, nonce: 'n' }, { typ: 'JWT' }),
    'token-type-mismatch',
    'an ID token by its nonce'
  )
  await refuses(
    t,
    verifier,
    signToken(key, { ...auth0, at_hash: 'n' }, { typ: 'JWT' }),
    'token-type-mismatch',
    'an ID token by at_hash'
  )
  await refuses(t, verifier, signToken(key, { ...auth0, azp: undefined }, { typ: 'JWT' }), 'claim-missing', 'no azp')
  await refuses(
    t,
    verifierFor('auth0', auth0.iss.slice(0, -1), 'https://orders.example'),
    signToken(key, auth0, { typ: 'JWT' }),
    'issuer-mismatch',
    'the issuer without its slash'
  )
})

t.test('rfc9068, the default, takes neither', async t => {
  await refuses(
    t,
    verifierFor('rfc9068', keycloak.iss),
    signToken(key, keycloak, { typ: 'JWT' }),
    'token-type-mismatch',
    'keycloak'
  )
  await refuses(
    t,
    verifierFor('rfc9068', auth0.iss, 'https://orders.example'),
    signToken(key, auth0, { typ: 'JWT' }),
    'token-type-mismatch',
    'auth0'
  )
  await refuses(
    t,
    verifierFor('rfc9068', keycloak.iss),
    signToken(key, keycloak),
    'claim-missing',
    'keycloak with at+jwt has no client_id'
  )
})

t.test('a custom profile names the typ and where the claims are', async t => {
  const verifier = verifierFor({
    typ: ['JWT', 'at+jwt'],
    claims: {
      clientId: 'cid',
      tokenId: 'uti',
      roles: 'https://shop.example/roles',
      scope: 'scp',
      sessionId: ['context', 'session']
    },
    scopeFormat: 'array'
  })
  const claims = {
    ...times,
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'alice',
    cid: 'web',
    uti: 'u1',
    'https://shop.example/roles': ['CLERK'],
    scp: ['orders:read', 'orders:write'],
    context: { session: 's1' }
  }
  t.match(await verifier.verify(signToken(key, claims, { typ: 'jwt' })), {
    clientId: 'web',
    tokenId: 'u1',
    roles: ['CLERK'],
    scopes: ['orders:read', 'orders:write'],
    sessionId: 's1'
  })
  await refuses(
    t,
    verifier,
    signToken(key, { ...claims, scp: 'orders:read' }, { typ: 'JWT' }),
    'claim-invalid',
    'the other scope format'
  )
  await refuses(
    t,
    verifier,
    signToken(key, { ...claims, uti: undefined }, { typ: 'JWT' }),
    'claim-missing',
    'no token id'
  )
  await refuses(t, verifier, signToken(key, claims, { typ: 'id+jwt' }), 'token-type-mismatch', 'another typ')
  const lenient = verifierFor({ typ: 'JWT', optional: ['clientId', 'tokenId'] })
  t.match(
    await lenient.verify(signToken(key, { ...times, iss: ISSUER, aud: AUDIENCE, sub: 'alice' }, { typ: 'JWT' })),
    { clientId: null, tokenId: null }
  )
})
