import { LRUCache } from 'lru-cache'
import { sessionMark } from './pairing.ts'

/** Sessions in cookies that ended through this process; other processes learn of it from the status list. */
export interface EndedSessions {
  /**
   * Ends the session whose cookies have this in common. Its `sid` does not: an issuer that keeps its own session gives
   * the next login the same.
   */
  readonly add: (pairingId: string) => void
  /** Ends the sessions with this `sid`, which the issuer has ended: it gives no other login that. */
  readonly addAtIssuer: (sessionId: string) => void
  readonly has: (session: CookieSession) => boolean
}

/** A session in cookies, by both its names. */
export interface CookieSession {
  readonly pairingId: string
  /** `sid` of its tokens. */
  readonly sessionId: string | null
}

const MAX_ENDED = 10_000

/** A memory of ended sessions; past its bound those that were not asked for longest are forgotten. */
export function createEndedSessions(): EndedSessions {
  const marks = new LRUCache<string, true>({ max: MAX_ENDED })
  const atIssuer = new LRUCache<string, true>({ max: MAX_ENDED })
  return {
    add: pairingId => {
      marks.set(sessionMark(pairingId), true)
    },
    addAtIssuer: sessionId => {
      atIssuer.set(sessionId, true)
    },
    has: ({ pairingId, sessionId }) =>
      marks.has(sessionMark(pairingId)) || (sessionId !== null && atIssuer.has(sessionId))
  }
}
