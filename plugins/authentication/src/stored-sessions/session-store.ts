/**
 * A session as a store keeps it. The store never sees what gives access: the handle in the cookie is only kept as a
 * hash, tokens and data come sealed.
 */
export interface StoredSession extends SessionOwner {
  /** SHA-256 of the handle, base64url. */
  readonly id: string
  /** `sid` of the issuer; `null` when it names none. */
  readonly issuerSessionId: string | null
  readonly createdAtMs: number
  readonly lastUsedAtMs: number
  /** From then on nobody finds it: its idle or its absolute end, whichever comes first. */
  readonly expiresAtMs: number
  /** The tokens, sealed. */
  readonly sealed: string
  /** Counts the changes of `sealed`, from 1: whoever has seen an older one changes nothing. */
  readonly version: number
  readonly lease: RefreshLease | null
  /** What the app keeps with the session, sealed; `null` while there is nothing. */
  readonly data: string | null
  /** Counts the changes of `data`, from 0. */
  readonly dataVersion: number
}

/** Whose session it is: a subject means something only beside its issuer. */
export interface SessionOwner {
  readonly issuer: string
  readonly subject: string
}

/** Who may refresh a session. */
export interface RefreshLease {
  /** Of one attempt, and of no other. */
  readonly holder: string
  /** From then on others may take it. */
  readonly untilMs: number
}

/** What a process asks for that wants to refresh. */
export interface LeaseRequest {
  readonly id: string
  /** The version whose refresh token it has. */
  readonly version: number
  readonly holder: string
  readonly nowMs: number
  readonly untilMs: number
}

/** Which sessions end. */
export type EndedBy =
  | { readonly kind: 'session'; readonly id: string }
  /** Only while its tokens are these: a refresh of this version was refused. */
  | { readonly kind: 'version'; readonly id: string; readonly version: number }
  | ({ readonly kind: 'owner' } & SessionOwner)
  /** The owner is left out when the issuer names the session alone. */
  | {
      readonly kind: 'issuer-session'
      readonly issuer: string
      readonly issuerSessionId: string
      readonly subject: string | null
    }

/** A use of something that counts once. */
export interface SingleUse {
  readonly key: string
  readonly nowMs: number
  /** From then on it may be forgotten, and counts anew. */
  readonly untilMs: number
}

/**
 * Where sessions are kept. Each method is one atomic step, seen at once by every process; that it keeps its promises is
 * what `SESSION_STORE_CHECKS` find out. A rejection means that the store gave no answer.
 */
export interface SessionStore {
  readonly create: (session: StoredSession, nowMs: number) => Promise<void>
  /** `null` when there is none, or it has expired. */
  readonly find: (id: string, nowMs: number) => Promise<StoredSession | null>
  /** Notes that a session was used. Neither time goes back. */
  readonly touch: (use: Pick<StoredSession, 'id' | 'lastUsedAtMs' | 'expiresAtMs'>, nowMs: number) => Promise<void>
  /** Takes the lease if nobody has it and the version is the session's; whether it did. */
  readonly takeLease: (request: LeaseRequest) => Promise<boolean>
  /** Gives a lease back; that of another holder stays. */
  readonly releaseLease: (id: string, holder: string) => Promise<void>
  /**
   * Puts new tokens in place of those of a version and clears the lease, whoever holds it: the tokens of the issuer
   * count, not the lease. Whether it did.
   */
  readonly replaceTokens: (
    change: Pick<StoredSession, 'id' | 'version' | 'sealed'> & { readonly nowMs: number }
  ) => Promise<boolean>
  /** Puts data in place of those of a version; whether it did. */
  readonly replaceData: (
    change: Pick<StoredSession, 'id' | 'dataVersion' | 'data'> & { readonly nowMs: number }
  ) => Promise<boolean>
  /** Ends sessions, and gives those that it ended: of calls at the same time, each session is in one answer. */
  readonly end: (by: EndedBy) => Promise<readonly StoredSession[]>
  /** The sessions of an owner that have not expired, the one used last first. */
  readonly listOfOwner: (owner: SessionOwner, nowMs: number, limit: number) => Promise<readonly StoredSession[]>
  /**
   * Ends sessions for something that counts once, and notes its use, in one step: what could not end anything was not
   * used. `null` when it was used before, and its time has not passed.
   */
  readonly endOnce: (by: EndedBy, use: SingleUse) => Promise<readonly StoredSession[] | null>
  /** Deletes some of what has expired. @returns how much */
  readonly removeExpired: (nowMs: number, limit: number) => Promise<number>
}
