import { createHash } from 'node:crypto'
import type { Clock } from '@sallyport/security-context/mechanics'
import { InvalidProofError } from '../errors.ts'
import type { ReadDpopOptions } from './options.ts'
import { rememberedProofs } from './remembered-proofs.ts'
import { verifyDpopProof } from './verify-proof.ts'

/** The request that a proof has to be for. */
export interface ProvenRequest {
  /** The header `DPoP` as received. */
  readonly header: string | readonly string[] | undefined
  readonly method: string
  /** Path and query as received. */
  readonly path: string
  readonly accessToken: string
  /** The key that the token is bound to: `jkt`. */
  readonly thumbprint: unknown
}

/** Checks that the sender of a request holds the key of its token. Rejects with {@link InvalidProofError}. */
export type CheckProof = (request: ProvenRequest) => Promise<void>

/**
 * Makes the check of proofs at a resource server. A proof counts as used only when everything else about it is right.
 * @see RFC 9449 §4.3, §7.1
 */
export function createProofCheck(options: ReadDpopOptions, clock: Clock): CheckProof {
  const { origin, nonces } = options
  const replays = options.replays ?? rememberedProofs(options.maxRemembered, clock)
  return async function checkProof({ header, method, path, accessToken, thumbprint }) {
    // Joined and not resolved: a path that begins with two slashes must not name another host.
    const url = `${origin}${path}`
    const result = verifyDpopProof(header, { ...options, method, url, nowSeconds: clock() / 1000, accessToken })
    if (result.kind === 'invalid') throw new InvalidProofError(result.reason)
    const { proof } = result
    if (proof.thumbprint !== thumbprint) throw new InvalidProofError('proof-key-mismatch')
    if (nonces !== undefined && !nonces.isFresh(proof.nonce)) throw new InvalidProofError('proof-nonce-required')
    const id = createHash('sha256').update(`${proof.thumbprint}.${proof.jti}`).digest('base64url')
    if (!(await replays.record(id, proof.usableUntilMs))) throw new InvalidProofError('proof-replayed')
  }
}
