import type { AuthorizationCode, PushedRequest, StoredAuthorizationCode } from './records.ts'

/** Authorization codes, by hash. */
export interface AuthorizationCodeStore {
  save: (hash: Buffer, code: AuthorizationCode) => Promise<void>
  find: (hash: Buffer) => Promise<StoredAuthorizationCode | null>
  /**
   * The one compare-and-set of a code's use: of any number of concurrent calls, over any number of processes, exactly
   * one gets `true`.
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
  /** What the user has allowed which clients, by client. */
  ofUser: (userId: string) => Promise<ReadonlyArray<{ readonly clientId: string; readonly scopes: readonly string[] }>>
  /** Adds to what is allowed. */
  add: (userId: string, clientId: string, scopes: readonly string[], nowMs: number) => Promise<void>
  /** Forgets what was allowed: the next request asks again. */
  remove: (userId: string, clientId: string) => Promise<void>
}
