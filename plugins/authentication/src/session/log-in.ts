import type { FastifyReply, FastifyRequest } from 'fastify'
import { countWait, recordSecurityEvent, type TokenSet } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import { BodyTokensRefusedError, ForeignOriginError, LoginRejectedError } from '../errors.ts'
import { requestConnection, isBrowser, isForeign } from '../request-origin.ts'
import { hasTokenCode } from '../failure-kinds.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import { verifyFresh, type VerifiedToken } from '../tokens/verified-token.ts'
import { beginSession } from './begin-session.ts'
import { requireText } from './form-body.ts'
import type { LoginBody } from './schemas.ts'
import type { SessionCore } from './session-core.ts'

/** Tokens for a client that cannot hold cookies. @see RFC 6749 §5.1 for the meaning of the members */
export interface BodyTokens {
  readonly accessToken: string
  readonly refreshToken: string | null
  readonly expiresInSeconds: number
  readonly tokenType: 'Bearer'
}

/** Makes the handler of `POST /login`. */
export function createLogin(core: SessionCore) {
  return async function logIn(request: FastifyRequest<{ Body: LoginBody }>, reply: FastifyReply) {
    const { username, password, tokens: place = 'cookies' } = request.body
    refuseForeignPage(core, request)
    if (place === 'body') refuseBrowser(request)
    requireText(username, password)
    const tokens = await passwordTokens(core, request, username, password)
    const { principal } = await openSession(core, request, reply, tokens, place)
    // The audit trail names who logged in; no stage ran before this public route.
    request.principal = principal
    const { subject, roles, scopes, expiresAtSeconds } = principal
    const who = { subject, nameTried: username }
    recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'login-succeeded', ...who })
    if (place === 'body') return bodyTokens(tokens)
    return { subject, roles, scopes, expiresAtSeconds }
  }
}

/** The tokens of a set as a response body. */
export function bodyTokens({ accessToken, refreshToken, expiresInSeconds }: TokenSet): BodyTokens {
  return { accessToken, refreshToken, expiresInSeconds, tokenType: 'Bearer' }
}

/**
 * Tokens in a body are for clients that are not browsers: what a page's script can read, a foreign script in it can
 * steal.
 */
export function refuseBrowser(request: FastifyRequest): void {
  if (!isBrowser(request.headers)) return
  recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'body-tokens-refused' })
  throw new BodyTokensRefusedError()
}

/** A page of another origin could log its victim into the attacker's account. */
function refuseForeignPage(core: SessionCore, request: FastifyRequest): void {
  if (!isForeign(request.headers, core.ownOrigins(request))) return
  recordSecurityEvent(request, { stage: 'session', outcome: 'denied', reason: 'login-origin-foreign' })
  throw new ForeignOriginError()
}

async function passwordTokens(
  { options }: SessionCore,
  request: FastifyRequest,
  username: string,
  password: string
): Promise<TokenSet> {
  try {
    const asked = { username, password, sessionKind: 'login' as const, connection: requestConnection(request) }
    return await countWait(request, 'token', () =>
      options.tokenClient.password({ ...asked, ...defined({ scope: options.scope }) })
    )
  } catch (error) {
    if (hasTokenCode(error, 'SALLYPORT_TOKEN_REJECTED')) {
      recordSecurityEvent(request, {
        stage: 'session',
        outcome: 'denied',
        reason: 'login-rejected',
        nameTried: username
      })
      throw new LoginRejectedError({ cause: error })
    }
    const throttled = hasTokenCode(error, 'SALLYPORT_TOKEN_THROTTLED')
    const ending = throttled
      ? ({ outcome: 'denied', reason: 'login-throttled' } as const)
      : ({ outcome: 'failure', reason: 'login-unavailable' } as const)
    recordSecurityEvent(request, { stage: 'session', ...ending, nameTried: username })
    throw tokenRequestFailure(error)
  }
}

/** Verifies the new tokens and begins the session. A session that the client cannot be given is ended again. */
async function openSession(
  core: SessionCore,
  request: FastifyRequest,
  reply: FastifyReply,
  tokens: TokenSet,
  place: 'cookies' | 'body'
): Promise<VerifiedToken> {
  try {
    const verified = await verifyFresh(core.verifier, tokens)
    core.refresher.remember(tokens)
    const { principal } = verified
    if (place === 'cookies') await beginSession(core, request, reply, { tokens, principal, atIssuer: null })
    return verified
  } catch (error) {
    recordSecurityEvent(request, { stage: 'session', outcome: 'failure', reason: 'login-unavailable' })
    await revokeUngiven(core, request, tokens)
    throw error
  }
}

/** Ends a session that its client is not given; best effort, since it also ends by itself. */
export async function revokeUngiven(core: SessionCore, request: FastifyRequest, tokens: TokenSet): Promise<void> {
  await core.options.tokenClient.revoke({ token: tokens.refreshToken ?? tokens.accessToken }).catch((err: unknown) => {
    request.log.warn({ err }, 'a session that could not be given to the caller could not be revoked')
  })
}
