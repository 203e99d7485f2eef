import type { AccountParts } from '../accounts/account-parts.ts'
import type { IssueAccessToken } from '../tokens/issue-access-token.ts'
import type { SigningKeys } from '../tokens/keys/follow-signing-keys.ts'
import type { KeyRing } from '../tokens/keys/sealing-key-ring.ts'
import type { PublishStatusList } from '../tokens/status-lists/publish-status-list.ts'
import type { StatusListUris } from '../tokens/status-lists/status-list-uris.ts'
import type { VerifyAccessToken } from '../tokens/verify-access-token.ts'
import type { Interactions } from './authorize/interactions.ts'
import type { DpopProofs } from './dpop-proofs.ts'

/**
 * The parts of the authorization server. They are made once per process and hold nothing of a single request. A
 * function that needs only a few of them picks those.
 */
export interface AuthorizationServer extends AccountParts {
  readonly issuer: string
  /** How far the clocks of clients may be off. */
  readonly clockToleranceSeconds: number
  /** Seals at rest. */
  readonly ring: KeyRing
  readonly keys: SigningKeys
  readonly dpop: DpopProofs
  readonly interactions: Interactions
  readonly issueAccessToken: IssueAccessToken
  readonly verifyAccessToken: VerifyAccessToken
  readonly statusListUris: StatusListUris
  readonly publishStatusList: PublishStatusList
}

/** What signing a JWT in the name of this server takes. */
export type JwtIssuer = Pick<AuthorizationServer, 'issuer' | 'clock' | 'keys'>
