import type { ProofReplays } from './dpop/options.ts'
import type { AuthenticationOptions } from './options.ts'

/** What a deployment says of a process as a protected resource. */
export interface ProtectedResourceFacts {
  /** The URL under which clients know it. */
  readonly resource?: string | undefined
  /** To what the tokens that it takes may be bound. */
  readonly boundTokens: readonly string[]
  /** Scopes beside those that the policies of its routes name. Left out: none. */
  readonly scopes?: (() => readonly string[]) | undefined
  /** Remembers used proofs for several processes. Left out: this process remembers its own. */
  readonly replays?: ProofReplays | undefined
}

/**
 * The options of the plugin for what a process says of itself as a protected resource, and for the bound tokens that
 * it takes. A proof is made for the address under which clients know it: without one, no proof can be checked.
 * @see RFC 9728, RFC 9449 §7.1, RFC 8705 §3
 */
export function protectedResourceOptions({
  resource,
  boundTokens,
  scopes,
  replays
}: ProtectedResourceFacts): AuthenticationOptions {
  return {
    certificateBound: boundTokens.includes('certificate'),
    ...(resource !== undefined && { resourceMetadata: { resource, ...(scopes && { scopes }) } }),
    ...(resource !== undefined &&
      boundTokens.includes('dpop') && { dpop: { origin: new URL(resource).origin, ...(replays && { replays }) } })
  }
}
