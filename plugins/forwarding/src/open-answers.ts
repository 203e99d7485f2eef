import type { Principal } from '@sallyport/security-context'

/** Why an answer ends before the service ends it; reason of the security event. */
export type EndOfAccess = 'access-expired' | 'access-revoked' | 'access-unconfirmed' | 'session-ended'

/** An answer that is under way, with the access of its request. */
export interface OpenAnswer {
  readonly principal: Principal
  readonly accessToken: string | null
  /** Ends the answer; called once. */
  readonly end: (reason: EndOfAccess) => void
  /** Ends a stream as if the service had, when the gateway closes; `null` for an answer that ends by itself. */
  readonly finish: (() => void) | null
}

/** The answers that are under way. */
export interface OpenAnswers {
  /** @returns removes the answer, because it has ended by itself */
  readonly add: (answer: OpenAnswer) => () => void
  /**
   * Ends the answers of one session, or with `null` those of all sessions of the caller, without waiting for the next
   * check.
   */
  readonly endSessions: (caller: Pick<Principal, 'issuer' | 'subject'>, sessionId: string | null) => void
  /** Ends all streams properly, and from now on each one that is added. */
  readonly finish: () => void
  readonly size: () => number
  readonly close: () => void
}
