import { recordSecurityEvent, type DpopKey, type LoginTokens, type SecurityEvent } from '@sallyport/security-context'
import { sourceOf } from '@sallyport/security-context/mechanics'
import { requestLanguage, sendPage } from '@sallyport/security-context/pages'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { openDpopKey } from '../dpop/dpop-key.ts'
import { LoginRefusedError } from '../errors.ts'
import { hasTokenCode, isThrottled } from '../failure-kinds.ts'
import { requestConnection } from '../request-origin.ts'
import { beginSession, type IssuerLogin } from '../session/begin-session.ts'
import { revokeUngiven } from '../session/log-in.ts'
import { tokenRequestFailure } from '../token-request-failure.ts'
import { verifyFresh, type VerifiedToken } from '../tokens/verified-token.ts'
import type { TokenVerifier } from '../tokens/verify-token.ts'
import type { LoginParts } from './login-parts.ts'
import { continuePage } from './login-pages.ts'
import type { AttemptedLogin, FoundLogin, PendingLogin } from './pending-logins.ts'
import { readLoginAnswer, stateOfAnswer, type LoginAnswer } from './read-login-answer.ts'
import { verifyIdToken, type ValidatedLogin } from './verify-id-token.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The login that begins or ends here, for the page that says that it failed; `null` until it is known. */
    attemptedLogin: AttemptedLogin | null
  }
}

const NOT_BEGUN: FoundLogin = { kind: 'unknown' }

/**
 * Makes the handler of `GET /login/callback`: holds the issuer's answer against the login that this browser began,
 * redeems the code, validates what came, and begins the session.
 * @see RFC 6749 §4.1.2, OpenID Connect Core 1.0 §3.1.3, RFC 9207 §2.4
 */
export function createCompleteLogin(parts: LoginParts) {
  const { core } = parts
  return async function completeLogin(request: FastifyRequest, reply: FastifyReply) {
    try {
      const found = takePending(parts, request, reply)
      const answer = readLoginAnswer(request.url)
      const login = pendingOrRefused(found)
      const { principal } = await openLogin(parts, request, reply, login, answer)
      endPredecessor(parts, request)
      request.principal = principal
      const { subject } = principal
      recordSecurityEvent(request, { stage: 'session', outcome: 'success', reason: 'login-succeeded', subject })
      // After a redirect from the issuer's site the browser would not send strict cookies; it does after a page.
      if (core.options.sameSite !== 'strict') return await reply.redirect(login.returnTo, 303)
      return sendPage(reply, 200, continuePage(login.returnTo, requestLanguage(request, login.uiLocales)))
    } catch (error) {
      recordSecurityEvent(request, { stage: 'session', ...loginEnding(error) })
      throw error
    }
  }
}

/** The login that this browser began; its cookie goes whatever comes of it, also of an answer that cannot be read. */
function takePending({ pending }: LoginParts, request: FastifyRequest, reply: FastifyReply): FoundLogin {
  const state = stateOfAnswer(request.url)
  const found = state === null ? NOT_BEGUN : pending.find(state, request.headers.cookie)
  if (state === null || found.kind === 'unknown') return NOT_BEGUN
  reply.clearCookie(pending.nameFor(state), { ...pending.attributes, maxAge: 0 })
  if (found.kind === 'found') request.attemptedLogin = found.login
  return found
}

function pendingOrRefused(found: FoundLogin): PendingLogin {
  if (found.kind === 'found') return found.login
  throw new LoginRefusedError(found.kind === 'expired' ? 'login-took-too-long' : 'login-not-begun-here')
}

async function openLogin(
  parts: LoginParts,
  request: FastifyRequest,
  reply: FastifyReply,
  login: PendingLogin,
  answer: LoginAnswer
): Promise<VerifiedToken> {
  const { core, options } = parts
  const issuer = await issuerOrFail(parts)
  // First of all: an answer of somebody else must not make us show a code to the issuer.
  if (answer.issuer === null ? issuer.answersNameIssuer : answer.issuer !== issuer.issuer) {
    throw new LoginRefusedError('login-issuer-mismatch')
  }
  if (answer.kind === 'error') {
    throw new LoginRefusedError('login-refused-by-issuer', { cause: new Error(`The issuer answered ${answer.error}`) })
  }
  const { dpopSecret } = login
  const dpopKey = dpopSecret === null ? null : openDpopKey(dpopSecret, core.options.clock)
  const tokens = await redeemLogin(parts, request, { ...login, dpopKey }, answer.code)
  try {
    const facts = await verifyIdToken(tokens.idToken, parts.keys, {
      issuer: issuer.issuer,
      clientId: issuer.clientId,
      nonce: login.nonce,
      accessToken: tokens.accessToken,
      maxAgeSeconds: login.maxAgeSeconds,
      acrValues: login.acrValues,
      algorithms: options.algorithms,
      nowSeconds: core.options.clock() / 1000,
      clockToleranceSeconds: options.clockToleranceSeconds
    })
    const verified = await verifyFresh(core.verifier, tokens, dpopKey)
    refuseOtherSubject(facts, verified)
    refuseOtherIssuer(issuer.issuer, core.verifier, verified)
    core.refresher.remember(tokens)
    const { principal } = verified
    const { subject, sessionId } = facts
    const { idToken } = tokens
    const named = { issuer: issuer.issuer, subject, sessionId }
    const atIssuer = { facts: lastingFacts(facts), ...named, idToken, dpopSecret }
    await beginSession(core, request, reply, { tokens, principal, atIssuer })
    return verified
  } catch (error) {
    await revokeUngiven(core, request, tokens)
    throw error
  }
}

/** What of a login travels with its session. */
function lastingFacts({ authenticatedAtSeconds, acr, amr, username }: ValidatedLogin): IssuerLogin['facts'] {
  return { authenticatedAtSeconds, acr, amr, username }
}

/** The access token is the id_token's by its hash, or else by its subject. */
function refuseOtherSubject({ bindsAccessToken, subject }: ValidatedLogin, { principal }: VerifiedToken): void {
  if (!bindsAccessToken && principal.subject !== subject) throw new LoginRefusedError('login-subject-mismatch')
}

/** Of several issuers, the access token is one of the issuer that was asked. */
function refuseOtherIssuer(issuer: string, { issuers = [] }: TokenVerifier, { principal }: VerifiedToken): void {
  const isOther = issuers.length > 1 && principal.issuer !== issuer
  if (isOther) throw new LoginRefusedError('login-issuer-mismatch')
}

async function issuerOrFail({ options }: LoginParts) {
  try {
    return await options.client.issuer()
  } catch (error) {
    throw tokenRequestFailure(error)
  }
}

async function redeemLogin(
  { core, options }: LoginParts,
  request: FastifyRequest,
  { redirectUri, codeVerifier, dpopKey }: PendingLogin & { readonly dpopKey: DpopKey | null },
  code: string
): Promise<LoginTokens> {
  const connection = requestConnection(request)
  const asked = { code, redirectUri, codeVerifier, connection, ...(dpopKey !== null && { dpopKey }) }
  try {
    return await core.gate.pass(sourceOf(request.ip), async () => await options.client.redeem(asked))
  } catch (error) {
    if (hasTokenCode(error, 'SALLYPORT_TOKEN_REJECTED')) {
      throw new LoginRefusedError('login-code-rejected', { cause: error })
    }
    throw tokenRequestFailure(error)
  }
}

/**
 * The session that the new one takes the place of: somebody may have a copy of its cookies. In a store it has ended
 * already.
 */
function endPredecessor({ core }: LoginParts, request: FastifyRequest): void {
  if (core.stored !== null) return
  const cookies = core.jar.read(request.headers.cookie)
  if (cookies.kind !== 'tokens') return
  core.ended.add(cookies.pairingId)
  if (cookies.refreshToken === null) return
  core.revoker.revoke(core.refresher.forget(cookies.refreshToken), 'refresh_token', null).catch((err: unknown) => {
    request.log.warn({ err }, 'the session before this login could not be ended')
  })
}

function loginEnding(error: unknown): Pick<SecurityEvent, 'outcome' | 'reason'> {
  if (error instanceof LoginRefusedError) return { outcome: 'denied', reason: error.reason }
  if (isThrottled(error)) return { outcome: 'denied', reason: 'login-throttled' }
  return { outcome: 'failure', reason: 'login-unavailable' }
}
