import { looksLikeJwt, parseCompactJws, statusReferenceOf, type TokenVerifier } from '@sallyport/authentication'
import type { EndOfAccess, OpenAnswer, OpenAnswers } from '@sallyport/forwarding'
import type { KeySource, StatusReference, StatusSource } from '@sallyport/security-context'
import { ActiveList, type ActiveEntry, type Schedule, scheduleByTimer } from '@sallyport/security-context/mechanics'

/** What decides whether an access is still valid, and how often that is checked. */
export interface OpenAnswersOptions {
  /** Whose keys and revocations these are. Left out: of all JWTs. */
  readonly issuer?: string
  /** Decides about tokens of other issuers: it knows theirs. */
  readonly verifier?: TokenVerifier
  /** Keys of JWTs: withdrawing a key invalidates what it signed. */
  readonly keys?: KeySource
  /** Revocations of JWTs. */
  readonly status?: StatusSource
  /** Verifies opaque tokens, which have no status list; it caches its answers. */
  readonly introspector?: TokenVerifier
  /** Time between two checks of all answers, in ms. Default 500. */
  readonly intervalMs?: number
  /** How long a token is accepted after its expiry, in seconds, as at the request. Default 5. */
  readonly clockToleranceSeconds?: number
  readonly schedule?: Schedule
  /** Epoch in ms. */
  readonly clock?: () => number
}

interface WatchedAnswer extends OpenAnswer, ActiveEntry {
  readonly reference: StatusReference | null
  /** Id of the key that signed the access token; `null` for an opaque one. */
  readonly keyId: string | null
}

/**
 * Watches all answers that are under way, with one timer: an answer goes on while a new request with the same access
 * would be accepted. So a revocation reaches a stream as soon as any request, plus one check.
 */
export function createOpenAnswers(options: OpenAnswersOptions): OpenAnswers {
  const {
    issuer,
    verifier,
    keys,
    status,
    introspector,
    clock = Date.now,
    clockToleranceSeconds = 5,
    schedule = scheduleByTimer,
    intervalMs = 500
  } = options
  const open = new ActiveList<WatchedAnswer>()
  let finishing = false

  function end(answer: WatchedAnswer, reason: EndOfAccess): void {
    if (open.delete(answer)) answer.end(reason)
  }

  async function look(answer: WatchedAnswer): Promise<void> {
    const reason = await reasonToEnd(answer)
    if (reason !== null) end(answer, reason)
  }

  function reasonToEnd(answer: WatchedAnswer): EndOfAccess | null | Promise<EndOfAccess | null> {
    const {
      principal: { issuer: issuedBy, expiresAtSeconds },
      accessToken,
      keyId
    } = answer
    if (expiresAtSeconds !== null && clock() >= (expiresAtSeconds + clockToleranceSeconds) * 1000) {
      return 'access-expired'
    }
    if (issuer !== undefined && issuedBy !== issuer && verifier !== undefined) {
      return accessToken === null ? null : reasonOfVerifier(verifier, accessToken)
    }
    if (keyId !== null && keys !== undefined && !keys.isPublished(keyId)) return reasonOfMissingKey(keys, keyId)
    if (answer.reference !== null && status !== undefined) return reasonOfStatus(status, answer.reference)
    return accessToken !== null && introspector !== undefined && !looksLikeJwt(accessToken)
      ? reasonOfVerifier(introspector, accessToken)
      : null
  }

  const { stop } = schedule(async () => {
    await Promise.all(open.all().map(look))
  }, intervalMs)

  return {
    add(answer) {
      const keyId = answer.accessToken === null ? null : tokenKeyId(answer.accessToken)
      const watched = { ...answer, place: -1, reference: statusReferenceOf(answer.principal.claims), keyId }
      open.add(watched)
      if (finishing) watched.finish?.()
      return () => {
        open.delete(watched)
      }
    },
    endSessions({ issuer, subject }, sessionId) {
      for (const answer of open.all()) {
        const { principal } = answer
        if (principal.subject !== subject || principal.issuer !== issuer || principal.sessionId === null) continue
        if (sessionId === null || principal.sessionId === sessionId) end(answer, 'session-ended')
      }
    },
    finish() {
      finishing = true
      for (const answer of open.all()) answer.finish?.()
    },
    size: () => open.size,
    close: stop
  }
}

function tokenKeyId(token: string): string | null {
  const keyId = parseCompactJws(token)?.header.kid
  return typeof keyId === 'string' ? keyId : null
}

/** A new request would fetch an unknown key, so this does too. */
async function reasonOfMissingKey(keys: KeySource, keyId: string): Promise<EndOfAccess | null> {
  try {
    return (await keys.find(keyId)) === null ? 'access-revoked' : null
  } catch {
    return 'access-unconfirmed'
  }
}

function reasonOfStatus(
  status: StatusSource,
  reference: StatusReference
): EndOfAccess | null | Promise<EndOfAccess | null> {
  const answer = status.check(reference)
  if (answer === 'valid') return null
  if (answer === 'revoked') return 'access-revoked'
  return reasonOfFollowedStatus(status, reference)
}

/** The list may have been dropped, or be new: a new request would wait for it, so this does too. */
async function reasonOfFollowedStatus(status: StatusSource, reference: StatusReference): Promise<EndOfAccess | null> {
  await status.follow(reference)
  const answer = status.check(reference)
  if (answer === 'valid') return null
  return answer === 'revoked' ? 'access-revoked' : 'access-unconfirmed'
}

async function reasonOfVerifier(verifier: TokenVerifier, accessToken: string): Promise<EndOfAccess | null> {
  try {
    // The request has proven the key that the token is bound to.
    await verifier.verify(accessToken, async () => {})
    return null
  } catch (error) {
    const refused = error instanceof Error && 'code' in error && error.code === 'SALLYPORT_AUTHENTICATION_TOKEN_INVALID'
    return refused ? 'access-revoked' : 'access-unconfirmed'
  }
}
