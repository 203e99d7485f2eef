import type { Knex } from 'knex'
import type {
  AuthorizationCode, Client, ClientProof, ClientSecret, LogoutNotice, PushedRequest, RefreshToken, Scope, Session, SignIn, SigningKeyRecord, SigningKeyState, StatusList,
  StatusPosition, StoredAuthorizationCode, User, UserSession, UserSignIn
} from './records.ts'

/** Users and their roles. */
export interface UserStore {
  find: (id: string) => Promise<User | null>
  /** @param username normalised */
  findByName: (username: string) => Promise<User | null>
  /** `false` when the name is taken. */
  create: (user: User, nowMs: number) => Promise<boolean>
  setPasswordHash: (id: string, passwordHash: string, changedAtMs: number) => Promise<void>
  /** Stores a stronger hash of the same password, unless the password has changed since `previousHash` was read. */
  rehash: (id: string, previousHash: string, passwordHash: string) => Promise<void>
  setRoles: (id: string, roles: readonly string[]) => Promise<void>
  /** Until the transaction ends, nobody disables the user or changes the password or the roles; logins do not exclude each other. */
  lockForLogin: (id: string) => Promise<void>
  /** Until the transaction ends, no session of the user starts and nobody else changes the user. */
  lockForChange: (id: string) => Promise<void>
  setDisabled: (id: string, disabledAtMs: number | null) => Promise<void>
  list: () => Promise<readonly User[]>
}

/** Clients and their secrets. */
export interface ClientStore {
  find: (id: string) => Promise<Client | null>
  /** The client with its secrets, live or not. */
  findWithSecrets: (id: string) => Promise<{ readonly client: Client, readonly secrets: readonly ClientSecret[] } | null>
  /** `false` when the id is taken. */
  create: (client: Client, nowMs: number) => Promise<boolean>
  addSecret: (clientId: string, secret: ClientSecret, nowMs: number) => Promise<void>
  /** Sets an expiry on every secret of the client that has none or a later one, except the named one. */
  expireOtherSecrets: (clientId: string, keptSecretId: string, expiresAtMs: number) => Promise<void>
  setStatus: (clientId: string, status: StatusPosition) => Promise<void>
  /** Replaces what is registered of the client's keys and certificates. */
  setProof: (clientId: string, proof: ClientProof) => Promise<void>
  /** Replaces where the client and its browsers hear of a logout. */
  setLogout: (clientId: string, logout: Pick<Client, 'backchannelLogoutUri' | 'postLogoutRedirectUris'>) => Promise<void>
  setDisabled: (clientId: string, disabledAtMs: number | null) => Promise<void>
  list: () => Promise<readonly Client[]>
}

/** Scopes by audience. */
export interface ScopeStore {
  ofAudience: (audience: string) => Promise<readonly Scope[]>
  put: (scope: Scope) => Promise<void>
  list: () => Promise<readonly Scope[]>
}

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
  | { readonly kind: 'session', readonly sessionId: string, readonly userId?: string }
  | { readonly kind: 'user', readonly userId: string }
  | { readonly kind: 'client', readonly clientId: string }
  | { readonly kind: 'sign-in', readonly signInId: string }

/** Sessions and their refresh tokens. */
export interface SessionStore {
  create: (session: Session, refreshTokenHash: Buffer) => Promise<void>
  find: (id: string) => Promise<UserSession | null>
  findByRefreshToken: (hash: Buffer) => Promise<RefreshToken | null>
  /**
   * The one compare-and-set of a rotation: gives the token its successor if it has none and its session has not ended.
   * Of any number of concurrent calls for one token, over any number of processes, exactly one gets `true`.
   */
  rotate: (rotation: Rotation) => Promise<boolean>
  /** Sessions that have neither ended nor expired, newest first. */
  listOfUser: (userId: string, nowMs: number) => Promise<readonly Session[]>
  /** Ends what has not ended; gives the sessions that this call ended. */
  end: (selector: SessionSelector, reason: string, nowMs: number) => Promise<readonly Session[]>
  /** Live sessions of a user, locked until the transaction ends. */
  lockLiveOfUser: (userId: string) => Promise<readonly Session[]>
  setStatus: (sessionId: string, status: StatusPosition) => Promise<void>
}

/** Browsers in which a user has logged in. */
export interface SignInStore {
  create: (signIn: SignIn, secretHash: Buffer) => Promise<void>
  /** By the hash of the cookie's secret, ended or not. */
  findBySecret: (secretHash: Buffer) => Promise<UserSignIn | null>
  /** The user has shown the password again: another secret and another time, the same sign-in. `false` when it has ended. */
  renew: (signIn: SignIn, secretHash: Buffer) => Promise<boolean>
  /** Until the transaction ends, nobody else changes the sign-in; `null` when it has ended, or there is none. */
  lockLive: (id: string) => Promise<UserSignIn | null>
  touch: (id: string, lastUsedAtMs: number, idleExpiresAtMs: number) => Promise<void>
  /** Ends what has not ended; gives the ids that this call ended. */
  end: (selector: { readonly id: string } | { readonly userId: string }, nowMs: number) => Promise<readonly string[]>
}

/** Authorization codes, by hash. */
export interface AuthorizationCodeStore {
  save: (hash: Buffer, code: AuthorizationCode) => Promise<void>
  find: (hash: Buffer) => Promise<StoredAuthorizationCode | null>
  /**
   * The one compare-and-set of a code's use: of any number of concurrent calls, over any number of processes, exactly one
   * gets `true`.
   */
  use: (hash: Buffer, sessionId: string) => Promise<boolean>
}

/** Authorization requests that were pushed, by hash of their reference. */
export interface PushedRequestStore {
  save: (hash: Buffer, request: PushedRequest) => Promise<void>
  find: (hash: Buffer) => Promise<PushedRequest | null>
  /** `false` when it is not there any more: of concurrent calls one gets `true`. */
  remove: (hash: Buffer) => Promise<boolean>
}

/** What users have allowed clients. */
export interface ConsentStore {
  /** The scopes that the user has allowed the client, all times together. */
  find: (userId: string, clientId: string) => Promise<readonly string[]>
  /** Adds to what is allowed. */
  add: (userId: string, clientId: string, scopes: readonly string[], nowMs: number) => Promise<void>
  /** Forgets what was allowed: the next request asks again. */
  remove: (userId: string, clientId: string) => Promise<void>
}

/** Notices of ended sessions, on their way to clients. */
export interface LogoutNoticeStore {
  /** Stores a notice for each of these sessions whose client has a place for it. */
  add: (sessions: readonly Session[], nowMs: number) => Promise<void>
  /**
   * Takes notices that are due, for one attempt each, those with the fewest attempts first. Of concurrent claims, over any number of processes, a notice is in
   * one; it is due again when the lease is over and nobody has settled it.
   */
  claim: (claim: { readonly nowMs: number, readonly leaseUntilMs: number, readonly limit: number }) => Promise<readonly LogoutNotice[]>
  /** Makes a claimed notice due again at that time, unless somebody has claimed it since. */
  postpone: (notice: LogoutNotice, nextAttemptAtMs: number) => Promise<void>
  /** `false` when it is not there any more. */
  remove: (id: string) => Promise<boolean>
}

/** Opaque access tokens, by hash. */
export interface OpaqueTokenStore {
  save: (hash: Buffer, clientId: string, claims: Readonly<Record<string, unknown>>, expiresAtMs: number) => Promise<void>
  find: (hash: Buffer) => Promise<Readonly<Record<string, unknown>> | null>
  remove: (hash: Buffer) => Promise<void>
}

/** Ids of what may be used once, shared by all instances. */
export interface ReplayStore {
  /**
   * Remembers an id until it has expired by itself; removes some of those that have.
   * @returns `false` when it is there already: of any number of concurrent calls, over any number of processes, one gets `true`
   */
  record: (id: { readonly issuer: string, readonly jti: string, readonly expiresAtMs: number }, nowMs: number) => Promise<boolean>
}

/** Signing keys. */
export interface SigningKeyStore {
  /** Every key that is not removed. */
  list: () => Promise<readonly SigningKeyRecord[]>
  add: (key: SigningKeyRecord) => Promise<void>
  /** Compare-and-set of a key's state; `false` when it was not in `from`. */
  move: (kid: string, from: SigningKeyState, to: SigningKeyState, nowMs: number) => Promise<boolean>
  /** Replaces the sealed private key, when the sealing key ring has rotated. */
  reseal: (kid: string, privateKeySealed: Buffer) => Promise<void>
  /** Serialises key steps over all instances until the transaction ends. */
  lock: () => Promise<void>
}

/** A failed login, and how long the next one waits. */
export interface LoginFailure {
  readonly key: string
  readonly nowMs: number
  /** Failures before the last one are forgotten when it is older than this. */
  readonly windowMs: number
  readonly freeFailures: number
  readonly firstWaitMs: number
  readonly longestWaitMs: number
}

/** Failed logins by account and source. */
export interface LoginAttemptStore {
  /** The latest end of a wait among these keys. */
  blockedUntilMs: (keys: readonly string[]) => Promise<number | null>
  recordFailure: (failure: LoginFailure) => Promise<void>
  forget: (key: string) => Promise<void>
}

/** Status lists. */
export interface StatusListStore {
  /** Takes a random free position, in a new list when the open ones are half full. */
  allocate: (listSize: number, nowMs: number) => Promise<StatusPosition>
  /** Sets the bits of these positions and raises the versions of their lists. */
  revoke: (positions: readonly StatusPosition[]) => Promise<void>
  read: (listId: string) => Promise<StatusList | null>
  /** The version alone: cheap enough to ask before each answer. */
  version: (listId: string) => Promise<number | null>
}

/** What is old enough to go, by what it is; times in ms since the epoch. */
export interface TidyRules {
  /** Tokens and used ids that expired before this. */
  readonly expiredBeforeMs: number
  /** Pushed requests that expired before this. */
  readonly requestsBeforeMs: number
  /** Failed logins that are older, and make nobody wait. */
  readonly attemptsBeforeMs: number
  /** Sessions, sign-ins, codes and secrets that ended or expired before this, and status lists that nothing is in any more. */
  readonly endedBeforeMs: number
  /** At most so many rows of a kind. */
  readonly limit: number
}

/** How many rows of each kind were removed. */
export type TidyCounts = Readonly<Record<string, number>>

/** Removing what cannot matter any more. */
export interface HousekeepingStore {
  /** Removes a batch of each kind; call it within a transaction. `null` when somebody else is doing it. */
  removeExpired: (rules: TidyRules) => Promise<TidyCounts | null>
}

/**
 * Everything that the authorization server keeps. Each method is atomic; several become one through `transaction`.
 * A method that gets no answer rejects, and has claimed nothing.
 */
export interface Store {
  /** The connection or transaction that this store works on, for an audit row in the same transaction; `null` without a database. */
  readonly connection: Knex | null
  readonly users: UserStore
  readonly clients: ClientStore
  readonly scopes: ScopeStore
  readonly sessions: SessionStore
  readonly signIns: SignInStore
  readonly authorizationCodes: AuthorizationCodeStore
  readonly pushedRequests: PushedRequestStore
  readonly consents: ConsentStore
  readonly logoutNotices: LogoutNoticeStore
  readonly opaqueTokens: OpaqueTokenStore
  readonly replays: ReplayStore
  readonly signingKeys: SigningKeyStore
  readonly statusLists: StatusListStore
  readonly loginAttempts: LoginAttemptStore
  readonly housekeeping: HousekeepingStore
  /** Runs `work` on a store whose changes become visible together or, when it rejects, not at all. */
  transaction: <T>(work: (store: Store) => Promise<T>) => Promise<T>
}
