import type { createBasicStrategy } from './basic/strategy.ts'
import type { createSessionStrategy } from './session/strategy.ts'
import type { TokenVerifier } from './verify-token.ts'

export interface AuthenticationOptions {
  readonly verifier: TokenVerifier
  /** Basic credentials, turned into tokens by a token client. */
  readonly basic?: Parameters<typeof createBasicStrategy>[1]
  /** Sealed session cookies. */
  readonly session?: Parameters<typeof createSessionStrategy>[1]
}
