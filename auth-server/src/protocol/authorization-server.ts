import type { AccountParts } from '../accounts/account-parts.ts'
import type { IssueAccessToken } from '../tokens/issue-access-token.ts'
import type { SigningKeys } from '../tokens/keys/follow-signing-keys.ts'
import type { PublishStatusList } from '../tokens/status-lists/publish-status-list.ts'
import type { StatusListUris } from '../tokens/status-lists/status-list-uris.ts'
import type { VerifyAccessToken } from '../tokens/verify-access-token.ts'
import type { Interactions } from './authorize/interactions.ts'
import type { DpopProofs } from './dpop-proofs.ts'

/** The parts of the authorization server, handed to every grant and endpoint. */
export interface AuthorizationServer extends AccountParts {
  readonly issuer: string
  /** By how much the clocks of clients may differ from this one. */
  readonly clockToleranceSeconds: number
  readonly keys: SigningKeys
  readonly dpop: DpopProofs
  readonly interactions: Interactions
  readonly issueAccessToken: IssueAccessToken
  readonly verifyAccessToken: VerifyAccessToken
  readonly statusListUris: StatusListUris
  readonly publishStatusList: PublishStatusList
}
