import { readOptions } from '@sallyport/security-context/options'
import { requestLanguage, sendPage } from '@sallyport/security-context/pages'
import type { FastifyError } from '@fastify/error'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AuthenticationOptionsError, LoginRefusedError } from '../errors.ts'
import { readerLanguage } from '../pages/authentication-texts.ts'
import { beginRefusal } from '../pages/begin-refusal.ts'
import { acceptForms } from '../session/form-body.ts'
import { SESSION_CORE, type SessionCore } from '../session/session-core.ts'
import { algorithmMistakes } from '../tokens/verifier-options.ts'
import { createBeginLogin, loginQuery, type LoginQuery } from './begin-login.ts'
import { createCompleteLogin } from './complete-login.ts'
import { createIssuerLogout } from './leave-issuer.ts'
import { loginAddress, type LoginWish } from './login-entry.ts'
import type { LoginParts } from './login-parts.ts'
import { failedLoginPage, type FailedLogin } from './login-pages.ts'
import { loginRoutesOptions, type LoginRoutesOptions } from './options.ts'
import { acceptsHtml } from './page-request.ts'
import { createPendingLogins, type AttemptedLogin } from './pending-logins.ts'
import { createReceiveLogout, logoutNoticeBody, type LogoutNoticeBody } from './receive-logout.ts'

/**
 * The login at the issuer: `GET /login`, `GET /login/callback` and `GET /logout/callback`, by authorization code with
 * PKCE. What they begin is a session of the authentication plugin, in the same cookies. Register it after that plugin,
 * with a prefix if need be; from then on browsers that ask for a page are sent to the login, and 401 answers name its
 * address. With `backchannelLogout` also `POST /logout/backchannel`.
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID` when that plugin has no `session`
 * option, and for mistakes in the options
 * @see OpenID Connect Core 1.0 §3.1
 */
export async function loginRoutes(fastify: FastifyInstance, given: LoginRoutesOptions): Promise<void> {
  const parts = openParts(fastify, given)
  const { leave, comeBack } = createIssuerLogout(parts)
  Object.assign(parts.core.login, { path: parts.loginPath, leave })

  fastify.decorateRequest('attemptedLogin', null)
  fastify.addHook('onSend', async function neverStore(_request, reply) {
    void reply.headers({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
  })
  fastify.setErrorHandler(function answerLoginError(error: FastifyError, request, reply) {
    if (!acceptsHtml(request.headers.accept)) throw error
    return answerFailedLogin(parts, error, request, reply)
  })

  fastify.get<{ Querystring: LoginQuery }>(
    '/login',
    { schema: { querystring: loginQuery }, exposeHeadRoute: false, config: { access: 'public', audit: 'none' } },
    createBeginLogin(parts)
  )
  fastify.get(
    '/login/callback',
    { exposeHeadRoute: false, config: { access: 'public', audit: { action: 'session.login' } } },
    createCompleteLogin(parts)
  )
  if (parts.options.backchannelLogout) await fastify.register(receiveLogouts, { parts })
  fastify.get('/logout/callback', { exposeHeadRoute: false, config: { access: 'public', audit: 'none' } }, comeBack)
}

/** The issuer posts here, and no browser: its answers are for programs. */
async function receiveLogouts(fastify: FastifyInstance, { parts }: { readonly parts: LoginParts }): Promise<void> {
  const { stored } = parts.core
  if (stored === null) {
    throw new AuthenticationOptionsError('loginRoutes: backchannelLogout needs session.stored: cookies cannot be ended')
  }
  acceptForms(fastify)
  fastify.post<{ Body: LogoutNoticeBody }>(
    '/logout/backchannel',
    { schema: { body: logoutNoticeBody }, config: { access: 'public', audit: { action: 'session.logout' } } },
    createReceiveLogout(parts, stored)
  )
}

function openParts(fastify: FastifyInstance, given: LoginRoutesOptions): LoginParts {
  const options = readOptions(
    {
      schema: loginRoutesOptions,
      error: AuthenticationOptionsError,
      rules: [{ of: ['algorithms'], mistakes: ({ algorithms }) => algorithmMistakes('algorithms', algorithms) }]
    },
    given
  )
  if (!fastify.hasDecorator(SESSION_CORE)) {
    throw new AuthenticationOptionsError(
      'loginRoutes needs @sallyport/authentication with its session option, registered before it'
    )
  }
  const core = fastify.getDecorator<SessionCore>(SESSION_CORE)
  const keys = options.keys ?? core.keys
  if (keys === null) {
    throw new AuthenticationOptionsError('loginRoutes: keys is missing, and the authentication plugin has none')
  }
  return {
    core,
    options,
    keys,
    pending: createPendingLogins(core.options, options.lifetimeSeconds),
    loginPath: `${fastify.prefix}/login`,
    callbackPath: `${fastify.prefix}/login/callback`,
    loggedOutPath: `${fastify.prefix}/logout/callback`
  }
}

/** A person reads it: it says what to do, not what was wrong. */
function answerFailedLogin(
  { loginPath }: LoginParts,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply
): FastifyReply {
  const { status, code } = beginRefusal(error, request, reply)
  const { attemptedLogin: login } = request
  const problem = problemOfLogin(error, status)
  const facts: FailedLogin = {
    problem,
    code,
    loginAddress: loginAddress(loginPath, login === null ? {} : wayBack(login, problem)),
    requestId: request.id
  }
  const language = login === null ? readerLanguage(request) : requestLanguage(request, login.uiLocales)
  return sendPage(reply, status, failedLoginPage(facts, language))
}

/**
 * The same login once more. Where it was too weak the issuer has to ask the person, or it answers as it just did: what
 * it is asked for by `acr_values` is a wish to most of them.
 */
function wayBack(
  { returnTo, maxAgeSeconds, acrValues, uiLocales }: AttemptedLogin,
  problem: FailedLogin['problem']
): LoginWish {
  if (problem !== 'failedTooWeak') return { returnTo, uiLocales }
  return { returnTo, maxAgeSeconds, acrValues, uiLocales, prompt: 'login' }
}

function problemOfLogin(error: FastifyError, status: number): FailedLogin['problem'] {
  if (status === 429) return 'failedThrottled'
  if (status >= 500) return 'failedUnavailable'
  if (!(error instanceof LoginRefusedError)) return 'failedAddress'
  switch (error.reason) {
    case 'login-refused-by-issuer':
      return 'failedAtIssuer'
    case 'login-not-begun-here':
    case 'login-took-too-long':
      return 'failedElsewhere'
    case 'id-token-acr':
    case 'id-token-auth-time':
      return 'failedTooWeak'
    default:
      return 'failedAnswer'
  }
}
