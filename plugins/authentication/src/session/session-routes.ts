import { recordSecurityEvent, type SecurityEvent, type SessionDirectory } from '@sallyport/security-context'
import { sourceOf } from '@sallyport/security-context/mechanics'
import { customOption, objectWith, optionsObject, readOptions, Type } from '@sallyport/security-context/options'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AuthenticationOptionsError } from '../errors.ts'
import { requestConnection } from '../request-origin.ts'
import { isOutage, isThrottled } from '../failure-kinds.ts'
import { directoryRoutes } from './directory-routes.ts'
import { createAnswerFailedForm } from './answer-failed-form.ts'
import { acceptForms, requireText } from './form-body.ts'
import { bodyTokens, createLogin, refuseBrowser } from './log-in.ts'
import { createLogout } from './log-out.ts'
import { loginBody, logoutBody, refreshBody, type LoginBody, type LeavingBody, type RefreshBody } from './schemas.ts'
import { SESSION_CORE, type SessionCore } from './session-core.ts'
import { listOfDirectory, listOfStore, type SessionList } from './session-list.ts'
import type { SessionPaths } from './session-pages.ts'
import { createShowSession } from './show-session.ts'

/** Options of the session routes. */
export interface SessionRoutesOptions {
  /** Lists and ends sessions. Left out: those of `session.stored`, and without that there are no routes `/sessions`. */
  readonly directory?: SessionDirectory
  /**
   * Fastify's own: before every path.
   * @example '/account'
   */
  readonly prefix?: string
  /** Fastify's own: level of the log in these routes. */
  readonly logLevel?: string
  /** Fastify's own: serializers of the log in these routes. */
  readonly logSerializers?: object
}

export const sessionRoutesOptions = optionsObject({
  directory: Type.Optional(objectWith<SessionDirectory>('a session directory', ['list', 'end', 'endAll'])),
  prefix: Type.Optional(Type.String()),
  logLevel: Type.Optional(Type.String()),
  logSerializers: Type.Optional(
    customOption<object>('serializers', value => typeof value === 'object' && value !== null)
  )
})

/**
 * The routes of login sessions: `POST /login`, `POST /logout`, `GET /session`, `POST /session/refresh`, and with a
 * directory or a store `GET /sessions`, `DELETE /sessions/:sessionId`, `DELETE /sessions`, `POST /sessions/end`.
 * Register it after the authentication plugin, with a prefix if need be.
 * @throws {AuthenticationOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID` when that plugin has no
 * `session` option, and for mistakes in the options
 */
export async function sessionRoutes(fastify: FastifyInstance, given: SessionRoutesOptions): Promise<void> {
  const { directory } = readOptions({ schema: sessionRoutesOptions, error: AuthenticationOptionsError }, given)
  if (!fastify.hasDecorator(SESSION_CORE)) {
    throw new AuthenticationOptionsError(
      'sessionRoutes needs @sallyport/authentication with its session option, registered before it'
    )
  }
  const core = fastify.getDecorator<SessionCore>(SESSION_CORE)
  const list = sessionListOf(core, directory)
  const { prefix } = fastify
  const paths = (): SessionPaths => ({
    session: `${prefix}/session`,
    sessions: list === null ? null : `${prefix}/sessions`,
    logout: `${prefix}/logout`,
    login: core.login.path ?? '/'
  })
  acceptForms(fastify)

  fastify.addHook('onSend', async function neverStore(_request, reply) {
    reply.header('cache-control', 'no-store')
  })

  fastify.post<{ Body: LoginBody }>(
    '/login',
    {
      schema: { body: loginBody },
      config: { access: 'public', audit: { action: 'session.login' } }
    },
    createLogin(core)
  )

  fastify.post<{ Body: LeavingBody | null | undefined }>(
    '/logout',
    {
      schema: { body: logoutBody },
      // Without a body there is nothing to validate, and Fastify would call `undefined` not an object.
      preValidation: async function absentBodyIsNull(request) {
        request.body ??= null
      },
      errorHandler: createAnswerFailedForm(paths),
      config: { access: 'public', audit: { action: 'session.logout' } }
    },
    createLogout(core, directory, paths)
  )

  fastify.get('/session', { config: { access: 'authenticated', audit: 'none' } }, createShowSession(core, paths))

  fastify.post<{ Body: RefreshBody }>(
    '/session/refresh',
    {
      schema: { body: refreshBody },
      config: { access: 'public', audit: { action: 'session.refresh' } }
    },
    createRefresh(core)
  )

  if (list !== null) directoryRoutes(fastify, { core, list, paths })
}

/** The directory of the app comes before its own store: it may know of more sessions. */
function sessionListOf(core: SessionCore, directory: SessionDirectory | undefined): SessionList | null {
  if (directory !== undefined) return listOfDirectory(core, directory)
  return core.stored === null ? null : listOfStore(core, core.stored)
}

/** Makes the handler of `POST /session/refresh`, for clients that hold their tokens themselves. */
function createRefresh(core: SessionCore) {
  return async function refreshSession(request: FastifyRequest<{ Body: RefreshBody }>) {
    refuseBrowser(request)
    requireText(request.body.refreshToken)
    try {
      const asking = { connection: requestConnection(request), source: sourceOf(request.ip) }
      const { tokens, principal } = await core.refresher.refresh(request.body.refreshToken, asking)
      request.principal = principal
      const { subject } = principal
      recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'session-refreshed', subject })
      return bodyTokens(tokens)
    } catch (error) {
      recordSecurityEvent(request, { stage: 'session', ...refreshEnding(error) })
      throw error
    }
  }
}

function refreshEnding(error: unknown): Pick<SecurityEvent, 'outcome' | 'reason'> {
  if (isThrottled(error)) return { outcome: 'denied', reason: 'refresh-throttled' }
  if (isOutage(error)) return { outcome: 'failure', reason: 'refresh-unavailable' }
  return { outcome: 'denied', reason: 'refresh-rejected' }
}
