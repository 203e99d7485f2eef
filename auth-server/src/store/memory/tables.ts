import type {
  Audience,
  AuthorizationCode,
  Client,
  ClientSecret,
  LogoutNotice,
  PushedRequest,
  Role,
  Scope,
  Session,
  SignIn,
  SigningKeyRecord,
  StatusList,
  User
} from '../records.ts'
import { createTable, type Journal, type Table } from './table.ts'

/** A refresh token and what became of it. */
export interface RefreshTokenRow {
  readonly sessionId: string
  /** `null` for the first of its session. */
  readonly predecessorKey: string | null
  readonly successor: { readonly key: string; readonly sealed: Buffer } | null
  readonly usedAtMs: number | null
}

/** A secret with its client. */
export interface ClientSecretRow extends ClientSecret {
  readonly clientId: string
}

/** Failed logins of one key. */
export interface LoginAttemptRow {
  readonly failures: number
  readonly lastFailedAtMs: number
  readonly blockedUntilMs: number | null
}

/** Everything that the store keeps. */
export interface Tables {
  /** With the roles that are given; which of them count, `userAsItCounts` says. */
  readonly users: Table<Omit<User, 'roles'>>
  /** User ids by name. */
  readonly usernames: Table<string>
  readonly clients: Table<Client>
  readonly clientSecrets: Table<readonly ClientSecretRow[]>
  readonly audiences: Table<Audience>
  readonly scopes: Table<Scope>
  readonly roles: Table<Role>
  readonly sessions: Table<Session>
  readonly refreshTokens: Table<RefreshTokenRow>
  /** Key of the refresh token that was last repeated late, by session. */
  readonly lateRepeats: Table<string>
  readonly signIns: Table<SignIn>
  /** Sign-in ids by hash of their secret. */
  readonly signInSecrets: Table<string>
  readonly authorizationCodes: Table<{ readonly code: AuthorizationCode; readonly sessionId: string | null }>
  readonly pushedRequests: Table<PushedRequest>
  readonly consents: Table<readonly string[]>
  readonly logoutNotices: Table<Omit<LogoutNotice, 'id' | 'uri'> & { readonly nextAttemptAtMs: number }>
  readonly opaqueTokens: Table<{ readonly claims: Readonly<Record<string, unknown>>; readonly expiresAtMs: number }>
  readonly replays: Table<number>
  readonly signingKeys: Table<SigningKeyRecord>
  readonly statusLists: Table<StatusList>
  /** Taken positions. */
  readonly statusIndexes: Table<true>
  readonly loginAttempts: Table<LoginAttemptRow>
}

/** Empty tables. */
export function createTables(journal: Journal): Tables {
  return {
    users: createTable(journal),
    usernames: createTable(journal),
    clients: createTable(journal),
    clientSecrets: createTable(journal),
    audiences: createTable(journal),
    scopes: createTable(journal),
    roles: createTable(journal),
    sessions: createTable(journal),
    refreshTokens: createTable(journal),
    lateRepeats: createTable(journal),
    signIns: createTable(journal),
    signInSecrets: createTable(journal),
    authorizationCodes: createTable(journal),
    pushedRequests: createTable(journal),
    consents: createTable(journal),
    logoutNotices: createTable(journal),
    opaqueTokens: createTable(journal),
    replays: createTable(journal),
    signingKeys: createTable(journal),
    statusLists: createTable(journal),
    statusIndexes: createTable(journal),
    loginAttempts: createTable(journal)
  }
}

/** Runs one step: at once, or when the transaction that is in the middle of its work has ended. */
export type RunStep = <T>(step: () => T) => T | Promise<T>

/** A user with the roles that count now; `null` when there is none. */
export function userAsItCounts({ users, roles }: Pick<Tables, 'users' | 'roles'>, id: string | undefined): User | null {
  const user = users.get(id ?? '')
  if (user === undefined) return null
  return { ...user, roles: user.givenRoles.filter(name => roles.get(name)?.disabledAtMs === null) }
}
