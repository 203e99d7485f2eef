import type { Interactions } from './authorize/interactions.ts'
import type { Clock } from '../clock.ts'
import type { DpopProofs } from './dpop-proofs.ts'
import type { SigningKeys } from '../tokens/keys/signing-keys.ts'
import type { CsrfTokens } from '../http/pages/csrf.ts'
import type { PasswordHasher } from '../accounts/passwords/password-hasher.ts'
import type { PublishStatusList } from '../tokens/status-lists/publish-status-list.ts'
import type { StatusListUris } from '../tokens/status-lists/uris.ts'
import type { Store } from '../store/contract.ts'
import type { LoginThrottle } from '../accounts/login-throttle.ts'
import type { Confirmation } from '../store/confirmation.ts'
import type { IssueAccessToken } from '../tokens/issue-access-token.ts'
import type { VerifyAccessToken } from '../tokens/verify-access-token.ts'

/** How long a kind of session lives, in seconds. */
export interface SessionLifetime {
  /** Without use. */
  readonly idleSeconds: number
  /** In all. */
  readonly absoluteSeconds: number
}

/** Times of the authorization server. */
export interface Lifetimes {
  readonly accessTokenSeconds: number
  readonly sessions: Readonly<Record<'login' | 'api', SessionLifetime>>
  /** After its first use, a successor's predecessor may still be presented for so long. */
  readonly refreshGraceMs: number
}

/** Writes a line for operators; `error` is `null` when nothing was thrown. */
export type Report = (error: unknown, message: string) => void

/** The parts of the authorization server, handed to every grant and endpoint. */
export interface AuthorizationServer {
  readonly issuer: string
  readonly store: Store
  readonly clock: Clock
  /** By how much the clocks of clients may differ from this one. */
  readonly clockToleranceSeconds: number
  readonly report: Report
  readonly lifetimes: Lifetimes
  readonly keys: SigningKeys
  readonly passwords: PasswordHasher
  readonly throttle: LoginThrottle
  readonly dpop: DpopProofs
  readonly interactions: Interactions
  readonly csrf: CsrfTokens
  /** What the client of this request has proven to hold; `null` when nothing, and outside of a request for tokens. */
  readonly confirmation: Confirmation | null
  readonly issueAccessToken: IssueAccessToken
  readonly verifyAccessToken: VerifyAccessToken
  readonly statusListUris: StatusListUris
  readonly publishStatusList: PublishStatusList
  /** Positions in a new status list. */
  readonly statusListSize: number
}
