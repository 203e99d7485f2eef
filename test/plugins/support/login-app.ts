// An app with a login at an issuer that does what a test says, honest until then; and a browser that goes through it.
import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import authentication, {
  loginRoutes,
  sessionRoutes,
  verifyDpopProof,
  type AuthenticationOptions,
  type LoginRoutesOptions
} from '@sallyport/authentication'
import securityContext, { problemDetails, type SecurityEvent } from '@sallyport/security-context'
import { createIssuer, type TestIssuer } from '@sallyport/testing'
import {
  createLoginClient,
  createTokenClient,
  discoverMetadata,
  type TokenClientOptions
} from '@sallyport/token-exchange'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { Browser, key } from './session-app.ts'

export const CLIENT_ID = 'shop'
const AUDIENCE = 'shop-api'
const SUBJECT = 'subject-1'
const CLIENT_SECRET = 'shop-secret'

type Claims = Record<string, unknown>

/** A request that the issuer got. */
interface IssuerRequest {
  readonly path: string
  readonly form: URLSearchParams
  readonly authorization: string | undefined
  readonly dpop: string | string[] | undefined
}

/** What the issuer does otherwise than an honest one. */
export interface IssuerTricks {
  /** More or other claims of the id_token; `undefined` takes one away. */
  readonly idClaims?: Claims
  readonly idHeader?: Claims
  /** Makes the id_token of the claims that an honest one would have. */
  readonly idToken?: (claims: Claims) => unknown
  readonly accessClaims?: Claims
  /** More members of `cnf`, where a key was proven. */
  readonly confirmation?: Claims
  /** Answers a path instead of the issuer; `false`: the issuer does. */
  readonly answer?: (request: IssuerRequest, response: ServerResponse) => boolean
}

/** The issuer: its tokens are those of the test kit, its endpoints listen. */
export interface LoginIssuer {
  readonly kit: TestIssuer
  readonly origin: string
  readonly requests: IssuerRequest[]
  tricks: IssuerTricks
  /** What the authorization request said, pushed or not. */
  readonly asked: (location: string) => URLSearchParams
  /** The person logs in: where the browser goes then, at the app. */
  readonly authorize: (location: string, more?: Record<string, string | null>) => string
}

/** An app and its issuer. */
export interface LoginApp {
  readonly app: FastifyInstance
  readonly issuer: LoginIssuer
  readonly clock: { ms: number }
  readonly browser: () => Browser
  readonly events: SecurityEvent[]
  /** `stage/outcome/reason`, as they came since the last call. */
  readonly reasons: () => string[]
}

export interface LoginAppOptions {
  readonly metadata?: Claims
  readonly login?: Partial<Omit<LoginRoutesOptions, 'logLevel' | 'logSerializers'>>
  readonly session?: Partial<NonNullable<AuthenticationOptions['session']>>
  readonly client?: Partial<TokenClientOptions>
  readonly addRoutes?: (app: FastifyInstance) => void
}

/** What a browser says of itself when a person follows a link or types an address. */
export const NAVIGATION = {
  accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'sec-fetch-site': 'none'
}

const halfHash = (text: string): string =>
  createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')

async function startLoginIssuer(t: Test, clock: { ms: number }, metadata: Claims): Promise<LoginIssuer> {
  const codes = new Map<string, URLSearchParams>()
  const pushed = new Map<string, URLSearchParams>()
  const server = createServer((request, response) => {
    readForm(request).then(
      form => answer(request, form, response),
      () => response.destroy()
    )
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const kit = createIssuer({ issuer: origin, audience: AUDIENCE, clock: () => clock.ms })

  function answer(request: IncomingMessage, form: URLSearchParams, response: ServerResponse): void {
    const path = request.url ?? ''
    const { authorization, dpop } = request.headers
    const seen = { path, form, authorization, dpop }
    self.requests.push(seen)
    if (self.tricks.answer?.(seen, response) === true) return
    if (path.startsWith('/.well-known/')) {
      sendJson(response, 200, {
        issuer: origin,
        token_endpoint: `${origin}/token`,
        authorization_endpoint: `${origin}/authorize`,
        revocation_endpoint: `${origin}/revoke`,
        ...metadata,
        ...(metadata['dpop'] === true && { dpop_signing_alg_values_supported: ['ES256'] }),
        ...(metadata['end'] === true && { end_session_endpoint: `${origin}/end-session` }),
        ...(metadata['par'] === true && { pushed_authorization_request_endpoint: `${origin}/par` })
      })
    } else if (path === '/par') {
      const requestUri = `urn:ietf:params:oauth:request_uri:${randomUUID()}`
      pushed.set(requestUri, form)
      sendJson(response, 201, { request_uri: requestUri, expires_in: 60 })
    } else if (path === '/token') token(seen, response)
    else sendJson(response, 200, {})
  }

  function token({ form, dpop }: IssuerRequest, response: ServerResponse): void {
    const { tricks } = self
    const proof = dpop === undefined ? null : provenKey(dpop)
    if (proof?.kind === 'invalid') {
      sendJson(response, 400, { error: 'invalid_dpop_proof' })
      return
    }
    const access = kit.token({
      sub: SUBJECT,
      client_id: CLIENT_ID,
      scope: 'openid orders:read',
      roles: ['CUSTOMER'],
      ...(proof !== null && { cnf: { jkt: proof.proof.thumbprint, ...tricks.confirmation } }),
      ...tricks.accessClaims
    })
    const tokenType = proof === null ? 'Bearer' : 'DPoP'
    if (form.get('grant_type') === 'refresh_token') {
      sendJson(response, 200, {
        access_token: access,
        token_type: tokenType,
        expires_in: 300,
        refresh_token: randomUUID()
      })
      return
    }
    const asked = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const boundTo = asked?.get('dpop_jkt') ?? null
    if (
      asked === undefined ||
      (boundTo !== null && boundTo !== proof?.proof.thumbprint) ||
      asked.get('code_challenge') !== challenge ||
      asked.get('redirect_uri') !== form.get('redirect_uri')
    ) {
      sendJson(response, 400, { error: 'invalid_grant' })
      return
    }
    const now = Math.floor(clock.ms / 1000)
    const claims = {
      iss: origin,
      sub: SUBJECT,
      aud: CLIENT_ID,
      client_id: undefined,
      jti: undefined,
      exp: now + 300,
      iat: now,
      auth_time: now,
      nonce: asked.get('nonce') ?? undefined,
      at_hash: halfHash(access),
      amr: ['pwd'],
      preferred_username: 'customer1',
      ...tricks.idClaims
    }
    const idToken = tricks.idToken?.(claims) ?? kit.token(claims, { typ: 'JWT', ...tricks.idHeader })
    sendJson(response, 200, {
      access_token: access,
      token_type: tokenType,
      expires_in: 300,
      refresh_token: `refresh-${randomUUID()}`,
      id_token: idToken
    })
  }

  const provenKey = (dpop: string | string[]) =>
    verifyDpopProof(dpop, { method: 'POST', url: `${origin}/token`, nowSeconds: clock.ms / 1000 })

  const self: LoginIssuer = {
    kit,
    origin,
    requests: [],
    tricks: {},
    asked: location => {
      const query = new URL(location).searchParams
      return pushed.get(query.get('request_uri') ?? '') ?? query
    },
    authorize: (location, more = {}) => {
      const asked = self.asked(location)
      const code = randomUUID()
      codes.set(code, asked)
      const answer = { code, state: asked.get('state') ?? '', iss: origin, ...more }
      const back = new URL(asked.get('redirect_uri') ?? '')
      for (const [name, value] of Object.entries(answer)) if (value !== null) back.searchParams.append(name, value)
      return back.pathname + back.search
    }
  }
  return self
}

/** An app as anybody would make it, with its login. */
export async function buildLoginApp(t: Test, options: LoginAppOptions = {}): Promise<LoginApp> {
  const clock = { ms: Date.UTC(2026, 10, 26, 12) }
  const issuer = await startLoginIssuer(t, clock, options.metadata ?? {})
  const clientOptions: TokenClientOptions = {
    metadata: async () => await discoverMetadata({ issuer: issuer.origin }),
    clientId: CLIENT_ID,
    ...(options.client?.clientKey === undefined && { clientSecret: CLIENT_SECRET }),
    clock: () => clock.ms,
    ...options.client
  }
  const app = Fastify()
  t.after(() => app.close())
  const events: SecurityEvent[] = []
  await app.register(securityContext)
  await app.register(problemDetails)
  await app.register(authentication, {
    issuer: issuer.origin,
    audience: AUDIENCE,
    keys: issuer.kit.keys,
    clock: () => clock.ms,
    session: { tokenClient: createTokenClient(clientOptions), keys: [key('k1')], ...options.session }
  })
  await app.register(sessionRoutes)
  await app.register(loginRoutes, { client: createLoginClient(clientOptions), ...options.login })
  app.get('/orders', { config: { access: 'authenticated', audit: 'none' } }, async request => ({
    subject: request.principal?.subject,
    facts: request.loginFacts
  }))
  options.addRoutes?.(app)
  app.addHook('onSend', async request => {
    events.push(...request.securityEvents)
  })
  await app.ready()
  return {
    app,
    issuer,
    clock,
    events,
    browser: () => new Browser(app, NAVIGATION),
    reasons: () => events.splice(0).map(({ stage, outcome, reason }) => `${stage}/${outcome}/${reason}`)
  }
}

/** Takes a browser through the login; gives the answer of the callback. */
export async function goThroughLogin(
  { issuer }: LoginApp,
  browser: Browser,
  path = '/login'
): Promise<LightMyRequestResponse> {
  const begun = await browser.get(path)
  return await browser.get(issuer.authorize(String(begun.headers.location)))
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return new URLSearchParams(text)
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
