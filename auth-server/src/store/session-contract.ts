import type { AuditRecord } from '@sallyport/audit-log'
import type { LogoutNotice, RefreshToken, Session, SignIn, StatusPosition, UserSession, UserSignIn } from './records.ts'

/** What one rotation stores. */
export interface Rotation {
  readonly hash: Buffer
  readonly successorHash: Buffer
  readonly successorSealed: Buffer
  readonly sessionId: string
  readonly nowMs: number
  readonly idleExpiresAtMs: number
  readonly userAgent: string | null
  readonly sourceAddress: string | null
}

/** Which sessions to end. */
export type SessionSelector =
  | { readonly kind: 'session'; readonly sessionId: string; readonly userId?: string }
  /** All of a user, but for those of one sign-in when it is named. */
  | { readonly kind: 'user'; readonly userId: string; readonly keptSignInId?: string }
  | { readonly kind: 'client'; readonly clientId: string }
  | { readonly kind: 'sign-in'; readonly signInId: string }
  | { readonly kind: 'all' }

/** What a session can depend on. */
export type SessionUse =
  | { readonly kind: 'client'; readonly clientId: string }
  | { readonly kind: 'scope'; readonly scope: string }
  | { readonly kind: 'audience'; readonly audience: string }
  /** A role that the user has been given, disabled or not. */
  | { readonly kind: 'role'; readonly role: string }

/** Sessions and their refresh tokens. */
export interface SessionFamilyStore {
  create: (session: Session, refreshTokenHash: Buffer) => Promise<void>
  find: (id: string) => Promise<UserSession | null>
  findByRefreshToken: (hash: Buffer) => Promise<RefreshToken | null>
  /**
   * The one compare-and-set of a rotation: gives the token its successor if it has none and its session has not ended.
   * Of any number of concurrent calls for one token, over any number of processes, exactly one gets `true`.
   * @param row of the audit trail: committed with the rotation, or not at all; a store without a database ignores it
   */
  rotate: (rotation: Rotation, row?: AuditRecord) => Promise<boolean>
  /**
   * Notes in the session that this token was presented again long after its first use. `false`, and nothing is noted,
   * when the last note is of the token that this one succeeded: two generations in a row; or when the session has
   * ended.
   */
  noteLateRepeat: (hash: Buffer) => Promise<boolean>
  /** Sessions that have neither ended nor expired, newest first. */
  listOfUser: (userId: string, nowMs: number) => Promise<readonly Session[]>
  /** Ends what has not ended; gives the sessions that this call ended. */
  end: (selector: SessionSelector, reason: string, nowMs: number) => Promise<readonly Session[]>
  /** Live sessions of a user, locked until the transaction ends. */
  lockLiveOfUser: (userId: string) => Promise<readonly Session[]>
  /** Live sessions that depend on this, locked until the transaction ends. */
  lockLiveUsing: (use: SessionUse) => Promise<readonly Session[]>
  setStatus: (sessionId: string, status: StatusPosition) => Promise<void>
}

/** Browsers in which a user has logged in. */
export interface SignInStore {
  create: (signIn: SignIn, secretHash: Buffer) => Promise<void>
  /** By the hash of the cookie's secret, ended or not. */
  findBySecret: (secretHash: Buffer) => Promise<UserSignIn | null>
  /**
   * The user has shown the password again: another secret and another time, the same sign-in. `false` when it has
   * ended.
   */
  renew: (signIn: SignIn, secretHash: Buffer) => Promise<boolean>
  /** Until the transaction ends, nobody else changes the sign-in; `null` when it has ended, or there is none. */
  lockLive: (id: string) => Promise<UserSignIn | null>
  touch: (id: string, lastUsedAtMs: number, idleExpiresAtMs: number) => Promise<void>
  /** Ends what has not ended; gives the ids that this call ended. */
  end: (
    selector: { readonly id: string } | { readonly userId: string; readonly keptId?: string } | { readonly all: true },
    nowMs: number
  ) => Promise<readonly string[]>
}

/** Notices of ended sessions, on their way to clients. */
export interface LogoutNoticeStore {
  /** Stores a notice for each of these sessions whose client has a place for it. */
  add: (sessions: readonly Session[], nowMs: number) => Promise<void>
  /**
   * Takes notices that are due, for one attempt each, those with the fewest attempts first. Of concurrent claims, over
   * any number of processes, a notice is in one; it is due again when the lease is over and nobody has settled it.
   */
  claim: (claim: {
    readonly nowMs: number
    readonly leaseUntilMs: number
    readonly limit: number
  }) => Promise<readonly LogoutNotice[]>
  /** Makes a claimed notice due again at that time, unless somebody has claimed it since. */
  postpone: (notice: LogoutNotice, nextAttemptAtMs: number) => Promise<void>
  /** `false` when it is not there any more. */
  remove: (id: string) => Promise<boolean>
}
