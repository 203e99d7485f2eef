import type { AuditRecord } from '@sallyport/audit-log'
import type { AuditEvent } from '@sallyport/security-context'
import type { Knex } from 'knex'
import type { AuthorizationCodeStore, ConsentStore, PushedRequestStore } from './authorization-contract.ts'
import type {
  Client,
  ClientRegistration,
  ClientSecret,
  SigningKeyRecord,
  SigningKeyState,
  StatusList,
  StatusPosition,
  User
} from './records.ts'
import type { AudienceStore, RoleStore, ScopeStore } from './registry-contract.ts'
import type { LogoutNoticeStore, SessionFamilyStore, SignInStore } from './session-contract.ts'

export type * from './authorization-contract.ts'
export type * from './registry-contract.ts'
export type * from './session-contract.ts'

/** Users and their roles. */
export interface UserStore {
  find: (id: string) => Promise<User | null>
  /** @param username normalised */
  findByName: (username: string) => Promise<User | null>
  /** `false` when the name is taken; rejects for a role in `givenRoles` that is not there. */
  create: (user: User, nowMs: number) => Promise<boolean>
  setPasswordHash: (id: string, passwordHash: string, changedAtMs: number) => Promise<void>
  /** Stores a stronger hash of the same password, unless the password has changed since `previousHash` was read. */
  rehash: (id: string, previousHash: string, passwordHash: string) => Promise<void>
  /** Replaces the roles that are given; rejects for one that is not there. */
  setRoles: (id: string, roles: readonly string[]) => Promise<void>
  /**
   * Until the transaction ends, nobody disables the user or changes the password or the roles; logins do not exclude
   * each other.
   */
  lockForLogin: (id: string) => Promise<void>
  /** Until the transaction ends, no session of the user starts and nobody else changes the user. */
  lockForChange: (id: string) => Promise<void>
  /**
   * Those who have been given the role, by id; {@link lockForChange} for each of them.
   */
  lockHolders: (role: string) => Promise<readonly User[]>
  setDisabled: (id: string, disabledAtMs: number | null) => Promise<void>
  /** `false` when the name is taken. @param username normalised */
  rename: (id: string, username: string) => Promise<boolean>
  /**
   * Removes name, password, roles and consents: nothing finds the user any more, and the name is free. The id is never
   * given again. End the sessions first.
   */
  remove: (id: string, nowMs: number) => Promise<void>
  /** By name; a page has at most `limit`, those after a name. */
  list: (page?: { readonly after: string; readonly limit: number }) => Promise<readonly User[]>
  /** How many users have been given each role; nobody's roles are not in it. */
  countByRole: () => Promise<ReadonlyMap<string, number>>
  /**
   * Users besides this one who have the role and are not disabled. Until the transaction ends, nobody else counts those
   * of the role: of two who would take away the last two, the second sees what the first has done.
   */
  countOthersWithRole: (role: string, id: string) => Promise<number>
}

/** Clients and their secrets. */
export interface ClientStore {
  find: (id: string) => Promise<Client | null>
  /** The client as it is; until the transaction ends, nobody disables or changes it; uses do not exclude each other. */
  lockForUse: (id: string) => Promise<Client | null>
  /** The client as it is; until the transaction ends, nobody else uses or changes it. */
  lockForChange: (id: string) => Promise<Client | null>
  /** The client with its secrets, live or not. */
  findWithSecrets: (
    id: string
  ) => Promise<{ readonly client: Client; readonly secrets: readonly ClientSecret[] } | null>
  /** `false` when the id is taken. */
  create: (client: Client, nowMs: number) => Promise<boolean>
  addSecret: (clientId: string, secret: ClientSecret, nowMs: number) => Promise<void>
  /** Sets an expiry on every secret of the client that has none or a later one, except the named one. */
  expireOtherSecrets: (clientId: string, keptSecretId: string, expiresAtMs: number) => Promise<void>
  setStatus: (clientId: string, status: StatusPosition) => Promise<void>
  /** Replaces these fields of what is registered, and raises the version; the others stay. */
  change: (clientId: string, changes: Partial<ClientRegistration>) => Promise<void>
  /** Raises the version too. */
  setDisabled: (clientId: string, disabledAtMs: number | null) => Promise<void>
  /** Removes the client with its secrets, sessions, codes and consents, and everything else that is its own. */
  remove: (clientId: string) => Promise<void>
  list: () => Promise<readonly Client[]>
}

/** Opaque access tokens, by hash. */
export interface OpaqueTokenStore {
  save: (
    hash: Buffer,
    clientId: string,
    claims: Readonly<Record<string, unknown>>,
    expiresAtMs: number
  ) => Promise<void>
  find: (hash: Buffer) => Promise<Readonly<Record<string, unknown>> | null>
  remove: (hash: Buffer) => Promise<void>
}

/** Ids of what may be used once, shared by all instances. */
export interface ReplayStore {
  /**
   * Remembers an id until it has expired by itself; removes some of those that have.
   * @returns `false` when it is there already: of any number of concurrent calls, over any number of processes, one
   * gets `true`
   */
  record: (
    id: { readonly issuer: string; readonly jti: string; readonly expiresAtMs: number },
    nowMs: number
  ) => Promise<boolean>
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
  /**
   * Sessions, sign-ins, codes and secrets that ended or expired before this, and status lists that nothing is in any
   * more.
   */
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
  /**
   * The connection or transaction that this store works on, for an audit row in the same transaction; `null` without a
   * database.
   */
  readonly connection: Knex | null
  readonly users: UserStore
  readonly clients: ClientStore
  readonly audiences: AudienceStore
  readonly scopes: ScopeStore
  readonly roles: RoleStore
  readonly sessions: SessionFamilyStore
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

/**
 * Writes an audit event on the store's connection: given the store of a transaction, the event is committed with it or
 * not at all.
 */
export type WriteAudit = (store: Store, event: AuditEvent) => Promise<void>

/**
 * Writes an audit event with an effect that commits both by one statement: `commit` gets the row, and answers `true`
 * when both are committed and `false` when neither is. Answers what `commit` does.
 */
export type WriteAuditWith = (
  store: Store,
  event: AuditEvent,
  commit: (row?: AuditRecord) => Promise<boolean>
) => Promise<boolean>
