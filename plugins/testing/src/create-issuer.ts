import { createServer as createHttpServer } from 'node:http'
import { randomUUID } from 'node:crypto'
import { fetch as undiciFetch } from 'undici'
import { dispatchTo } from './dispatch-to.ts'
import { answerIssuerRequest } from './issuer-endpoints.ts'
import { issuerKey, type IssuerKey } from './signing-key.ts'
import { signToken, type TokenClaims } from './sign-token.ts'
import { createStatusBits, STATUS_LIST_PATH } from './status-bits.ts'
import { readTestIssuerOptions, type TestIssuerOptions } from './options.ts'
import type { IssuerState, TestIssuer } from './test-issuer.ts'

/**
 * Makes an issuer with a key of its own, reached without a socket.
 * @throws {TestingOptionsError} `SALLYPORT_TESTING_OPTIONS_INVALID`, naming every mistake
 */
export function createIssuer(options: TestIssuerOptions = {}): TestIssuer {
  return createIssuerState(options)
}

/** {@link createIssuer} with what its endpoints work on. */
export function createIssuerState(options: TestIssuerOptions): IssuerState {
  const settings = readTestIssuerOptions(options)
  const { issuer, clock } = settings
  const published: IssuerKey[] = []
  const issued = new Map<string, TokenClaims>()
  const revoked = new Set<string>()
  const statusBits = createStatusBits()
  const dispatcher = dispatchTo(createHttpServer((request, response) => answerIssuerRequest(state, request, response)))
  let signing = addKey()

  function addKey(): IssuerKey {
    const key = issuerKey(settings.algorithm, `key-${randomUUID()}`)
    published.push(key)
    return key
  }

  function claimsWith(claims: TokenClaims): TokenClaims {
    const nowSeconds = Math.floor(clock() / 1000)
    const whole = {
      iss: issuer,
      sub: 'test-user',
      aud: settings.audience,
      client_id: 'test-client',
      iat: nowSeconds,
      exp: nowSeconds + settings.accessSeconds,
      jti: randomUUID(),
      ...claims
    }
    return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== undefined))
  }

  function statusClaim(): TokenClaims {
    if (!settings.revocable) return {}
    return { status: { status_list: { idx: statusBits.next(), uri: `${issuer}${STATUS_LIST_PATH}1` } } }
  }

  function activeClaims(token: string): TokenClaims | null {
    const claims = issued.get(token)
    if (claims === undefined || revoked.has(token)) return null
    return typeof claims.exp === 'number' && clock() < claims.exp * 1000 ? claims : null
  }

  const state: IssuerState = {
    issuer,
    jwksUri: `${issuer}/jwks`,
    tokenEndpoint: `${issuer}/token`,
    introspectionEndpoint: `${issuer}/introspect`,
    revocationEndpoint: `${issuer}/revoke`,
    statusLists: `${issuer}${STATUS_LIST_PATH}`,
    settings,
    statusBits,
    dispatcher,
    fetch: (input, init) => undiciFetch(input, { ...init, dispatcher }),
    keys: {
      find: async keyId => published.find(key => key.keyId === keyId)?.verification ?? null,
      isPublished: keyId => published.some(key => key.keyId === keyId),
      ready: async () => {},
      ageMs: () => 0,
      close: async () => {}
    },
    requests: [],
    trouble: null,
    signingKey: () => signing,
    publishedKeys: () => published,
    activeClaims,
    token: (claims = {}, header = {}) => {
      const whole = claimsWith({ ...statusClaim(), ...claims })
      const token = signToken(signing, whole, header)
      issued.set(token, whole)
      return token
    },
    opaqueToken: (claims = {}) => {
      const token = `opaque-${randomUUID()}`
      issued.set(token, claimsWith(claims))
      return token
    },
    revoke: token => {
      const claims = issued.get(token)
      if (claims === undefined) throw new Error('not a token of this issuer')
      revoked.add(token)
      statusBits.set(claims.status)
    },
    rotateKeys: (withdraw = 'keep') => {
      if (withdraw === 'withdraw') published.length = 0
      signing = addKey()
    },
    injectAs: (app, claims, request) => {
      const given = typeof request === 'string' ? { url: request } : request
      const authorization = `Bearer ${state.token(claims)}`
      return app.inject({ ...given, headers: { ...given.headers, authorization } })
    }
  }
  return state
}
