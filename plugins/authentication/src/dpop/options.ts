import { isSecureUrl } from '../sources/fetch-document.ts'
import { ASYMMETRIC_ALGORITHMS } from '../tokens/check-signature.ts'
import type { DpopNonces } from './nonces.ts'

/** Where used proofs are remembered. */
export interface ProofReplays {
  /**
   * @param id names the proof: key and `jti`, 43 characters of base64url
   * @param expiresAtMs from then on the proof is refused for its age
   * @returns `false` when the proof was used before; rejects when that cannot be known, which refuses the request
   */
  readonly record: (id: string, expiresAtMs: number) => Promise<boolean>
}

/** How DPoP-bound tokens are accepted. */
export interface DpopOptions {
  /**
   * Scheme and authority under which callers know this service, such as `https://api.example`; never taken from the
   * request.
   */
  readonly origin: string
  /** Default ES256, EdDSA, RS256, PS256. */
  readonly algorithms?: readonly string[]
  /** A proof made longer ago is refused, 1 to 300. Default 60. */
  readonly maxAgeSeconds?: number
  /** Allowed difference between the sender's clock and this one, 0 to 60. Default 5. */
  readonly clockToleranceSeconds?: number
  /** When given, every proof needs a fresh nonce: `createDpopNonces`, with the same keys on all instances. */
  readonly nonces?: DpopNonces
  /** Default: the memory of this process. Several instances behind one origin need a store that they share. */
  readonly replays?: ProofReplays
  /**
   * How many proofs the process remembers; past it the one used longest ago is forgotten before its time. Default 50
   * 000.
   */
  readonly maxRemembered?: number
}

/** Every mistake in the options, as one phrase each. */
export function dpopOptionMistakes(options: DpopOptions): string[] {
  const mistakes: string[] = []
  const origin = isSecureUrl(options.origin) ? URL.parse(options.origin)?.origin : null
  if (origin !== options.origin) {
    mistakes.push(
      'dpop origin must be scheme and authority of an https URL (http only on loopback), without a slash at the end'
    )
  }
  const algorithms = options.algorithms ?? ASYMMETRIC_ALGORITHMS
  if (algorithms.length === 0 || !algorithms.every(name => ASYMMETRIC_ALGORITHMS.includes(name))) {
    mistakes.push('dpop algorithms must be asymmetric ones that are known here')
  }
  const { maxAgeSeconds = 60, clockToleranceSeconds = 5, maxRemembered = 1 } = options
  if (!(maxAgeSeconds >= 1 && maxAgeSeconds <= 300)) mistakes.push('dpop maxAgeSeconds must be from 1 to 300')
  if (!(clockToleranceSeconds >= 0 && clockToleranceSeconds <= 60)) {
    mistakes.push('dpop clockToleranceSeconds must be from 0 to 60')
  }
  if (!(Number.isSafeInteger(maxRemembered) && maxRemembered >= 1)) {
    mistakes.push('dpop maxRemembered must be at least 1')
  }
  return mistakes
}
