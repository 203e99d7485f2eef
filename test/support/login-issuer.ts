// An issuer of logins that does what a test says, honest until then.
import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { verifyDpopProof } from '@sallyport/authentication'
import type { IssuedCertificate } from '@sallyport/local'
import { createIssuer, type TestIssuer } from '@sallyport/testing'
import type { Test } from 'tap'

export const CLIENT_ID = 'shop'
export const AUDIENCE = 'shop-api'
const SUBJECT = 'subject-1'

/** Claims or other members of a JSON object. */
export type Claims = Record<string, unknown>

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
  /** More or other parameters of its answer through the browser; `null` takes one away. */
  readonly answerBack?: Readonly<Record<string, string | null>>
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

const halfHash = (text: string): string =>
  createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')

/** Starts the issuer; it ends with the test. @param certificate it speaks TLS, for a real browser */
export async function startLoginIssuer(
  t: Test,
  clock: { ms: number },
  { metadata = {}, certificate }: { readonly metadata?: Claims; readonly certificate?: IssuedCertificate }
): Promise<LoginIssuer> {
  const codes = new Map<string, URLSearchParams>()
  const pushed = new Map<string, URLSearchParams>()
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    readForm(request).then(
      form => answer(request, form, response),
      () => response.destroy()
    )
  }
  const server =
    certificate === undefined
      ? createServer(serve)
      : createTlsServer({ cert: certificate.certificate, key: certificate.privateKey }, serve)
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const origin = certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`
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
        jwks_uri: kit.jwksUri,
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
    else if (path === '/jwks') sendKeys(response)
    else if (path.startsWith('/authorize?')) {
      const location = self.authorize(`${origin}${path}`, self.tricks.answerBack)
      const back = self.asked(`${origin}${path}`).get('redirect_uri') ?? ''
      response.writeHead(303, { location: new URL(location, back).href }).end()
    } else sendJson(response, 200, {})
  }

  function sendKeys(response: ServerResponse): void {
    kit
      .fetch(kit.jwksUri)
      .then(async keys => await keys.json())
      .then(
        keys => sendJson(response, 200, keys as object),
        () => response.destroy()
      )
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

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return new URLSearchParams(text)
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
