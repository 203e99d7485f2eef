import { createHash, randomBytes } from 'node:crypto'
import { recordSecurityEvent } from '@sallyport/security-context'
import { sourceOf } from '@sallyport/security-context/mechanics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { newDpopSecret, openDpopKey } from '../dpop/dpop-key.ts'
import { LoginNotNavigatedError, ReturnPathError } from '../errors.ts'
import { isThrottled } from '../failure-kinds.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import type { LoginParts } from './login-parts.ts'
import { isNavigation } from './page-request.ts'
import type { PendingLogin } from './pending-logins.ts'
import { isReturnPath, LONGEST_RETURN_PATH } from './return-path.ts'

/** The query of `GET /login`: what a link may say of the login, and nothing else of the authorization request. */
export interface LoginQuery {
  readonly returnTo?: string
  readonly prompt?: 'login' | 'consent' | 'select_account'
  readonly login_hint?: string
  readonly ui_locales?: string
  readonly max_age?: string
  readonly acr_values?: string
}

/** Schema of {@link LoginQuery}. `prompt=none` has no page to come back to, so it is not among them. */
export const loginQuery = {
  type: 'object',
  properties: {
    returnTo: { type: 'string', maxLength: LONGEST_RETURN_PATH },
    prompt: { type: 'string', enum: ['login', 'consent', 'select_account'] },
    // Printable in any language.
    login_hint: { type: 'string', minLength: 1, maxLength: 256, pattern: '^[^\\u0000-\\u001f\\u007f]+$' },
    ui_locales: {
      type: 'string',
      maxLength: 100,
      pattern: '^[A-Za-z]{2}[A-Za-z0-9-]{0,33}(?: [A-Za-z]{2}[A-Za-z0-9-]{0,33})*$'
    },
    max_age: { type: 'string', pattern: '^[0-9]{1,9}$' },
    acr_values: {
      type: 'string',
      maxLength: 512,
      pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]+(?: [\\x21\\x23-\\x5b\\x5d-\\x7e]+)*$'
    }
  }
} as const

const LOGIN_SECRET_BYTES = 32
const freshSecret = (): string => randomBytes(LOGIN_SECRET_BYTES).toString('base64url')

/**
 * Makes the handler of `GET /login`: sends the browser to the issuer, and gives it the cookie that the end of this
 * login is held against.
 */
export function createBeginLogin(parts: LoginParts) {
  const { core, options, pending } = parts
  return async function beginLogin(request: FastifyRequest<{ Querystring: LoginQuery }>, reply: FastifyReply) {
    refuseUnnavigated(request)
    const { query } = request
    const elsewhere = canonicalAddress(parts, request)
    if (elsewhere !== null) return await reply.redirect(elsewhere, 303)
    const login = newPendingLogin(parts, request)
    const { set, clear } = pending.add(login, request.headers.cookie)
    const url = await authorizationUrl(parts, request, {
      ...options.parameters,
      response_type: 'code',
      redirect_uri: login.redirectUri,
      scope: options.scope,
      state: login.state,
      nonce: login.nonce,
      code_challenge: createHash('sha256').update(login.codeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...thumbprintParameter(parts, login),
      ...(query.prompt !== undefined && { prompt: query.prompt }),
      ...(query.login_hint !== undefined && { login_hint: query.login_hint }),
      ...(query.ui_locales !== undefined && { ui_locales: query.ui_locales }),
      ...(query.max_age !== undefined && { max_age: query.max_age }),
      ...(query.acr_values !== undefined && { acr_values: query.acr_values })
    })
    for (const name of clear) reply.clearCookie(name, { ...pending.attributes })
    reply.setCookie(set.name, set.value, { ...pending.attributes })
    return await reply.redirect(url, 303)
  }

  function newPendingLogin(
    { callbackPath }: LoginParts,
    request: FastifyRequest<{ Querystring: LoginQuery }>
  ): PendingLogin {
    const { returnTo = options.defaultPath, max_age: maxAge, acr_values: acrValues } = request.query
    if (!isReturnPath(returnTo)) {
      recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'return-path-refused' })
      throw new ReturnPathError()
    }
    const login = {
      state: freshSecret(),
      nonce: freshSecret(),
      codeVerifier: freshSecret(),
      redirectUri: originFor(parts, request) + callbackPath,
      returnTo,
      startedAtMs: core.options.clock(),
      maxAgeSeconds: maxAge === undefined ? null : Number(maxAge),
      acrValues: acrValues === undefined ? [] : acrValues.split(' '),
      dpopSecret: options.dpop ? newDpopSecret() : null,
      uiLocales: request.query.ui_locales ?? null
    }
    request.attemptedLogin = login
    return login
  }
}

/** Binds the code to the key too: who steals it cannot redeem it for tokens of a key of his own. @see RFC 9449 §10 */
function thumbprintParameter({ core }: LoginParts, { dpopSecret }: PendingLogin): { readonly dpop_jkt?: string } {
  const key = dpopSecret === null ? null : openDpopKey(dpopSecret, core.options.clock)
  return key === null ? {} : { dpop_jkt: key.thumbprint() }
}

/** A frame of another site could have its visitor logged in without knowing; a script cannot follow to the issuer. */
function refuseUnnavigated(request: FastifyRequest): void {
  if (isNavigation(request.headers)) return
  recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'login-not-navigated' })
  throw new LoginNotNavigatedError()
}

/** The own origin with the host of the request: the one that its cookie will belong to. */
export function originFor({ core }: Pick<LoginParts, 'core'>, request: FastifyRequest): string {
  const origins = core.ownOrigins(request)
  return origins.find(origin => new URL(origin).host === request.host) ?? origins[0] ?? ''
}

/** The login at our first origin, for a request that came by another name: the browser would not find its cookie. */
function canonicalAddress({ core }: LoginParts, request: FastifyRequest): string | null {
  const origins = core.options.origins ?? []
  const [canonical] = origins
  if (canonical === undefined || origins.some(origin => new URL(origin).host === request.host)) return null
  return canonical + request.url
}

/** Pushing a request costs the issuer work, so it is bounded like all that strangers can make us ask. */
async function authorizationUrl(
  { core, options }: LoginParts,
  request: FastifyRequest,
  parameters: Readonly<Record<string, string>>
): Promise<string> {
  try {
    const ask = async (): Promise<string> => await options.client.authorizationUrl(parameters)
    return await core.gate.pass(sourceOf(request.ip), ask, 'always')
  } catch (error) {
    const ending = isThrottled(error)
      ? ({ outcome: 'denied', reason: 'login-throttled' } as const)
      : ({ outcome: 'failure', reason: 'login-unavailable' } as const)
    recordSecurityEvent(request, { stage: 'session', ...ending })
    throw tokenRequestFailure(error)
  }
}
