import {
  createDpopNonces,
  verifyDpopProof,
  type DpopNonces,
  type DpopOptions,
  type DpopProof
} from '@sallyport/authentication'
import type { Clock } from '@sallyport/security-context/mechanics'
import { OAuthError } from '../oauth-error.ts'
import type { Store } from '../store/contract.ts'

/** Algorithms of proofs. @see RFC 9449 §5.1 */
export const DPOP_ALGORITHMS: readonly string[] = ['ES256', 'EdDSA', 'RS256', 'PS256']

/** The proofs that come to the endpoints of clients. */
export interface DpopProofs {
  readonly nonces: DpopNonces
  /**
   * Verifies a proof as far as that needs no memory.
   * @throws {OAuthError} `invalid_dpop_proof`, `use_dpop_nonce`
   */
  readonly verify: (header: string | readonly string[], endpoint: 'token' | 'par') => DpopProof
  /**
   * Takes note of a proof, on all instances.
   * @throws {OAuthError} `invalid_dpop_proof` when it was used before
   */
  readonly useUp: (proof: DpopProof) => Promise<void>
  /** The same rules where this server is a resource server. */
  readonly forResources: DpopOptions
}

/** Collaborators of {@link createDpopProofs}. */
export interface DpopProofsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly issuer: string
  /** Of the moment, the same on all instances, newest first. */
  readonly nonceKeys: () => readonly Buffer[]
  readonly nonceRequired: boolean
  /** By how much the clocks of those who prove may differ from this one. */
  readonly clockToleranceSeconds: number
}

const refusedProof = (reason: string): OAuthError =>
  new OAuthError('invalid_dpop_proof', reason, 'The DPoP proof is not valid')

/**
 * Checks DPoP proofs for these endpoints, whose URLs follow from the issuer and never from the request.
 * @see RFC 9449 §4.3, §5, §8
 */
export function createDpopProofs({
  store,
  clock,
  issuer,
  nonceKeys,
  nonceRequired,
  clockToleranceSeconds
}: DpopProofsOptions): DpopProofs {
  const nonces = createDpopNonces({ keys: nonceKeys, clock })
  return {
    nonces,
    forResources: {
      origin: new URL(issuer).origin,
      algorithms: DPOP_ALGORITHMS,
      clockToleranceSeconds,
      replays: {
        record: async (id, expiresAtMs) =>
          await store.replays.record({ issuer: 'dpop-resource', jti: id, expiresAtMs }, clock())
      },
      ...(nonceRequired ? { nonces } : {})
    },
    verify: (header, endpoint) => {
      const result = verifyDpopProof(header, {
        method: 'POST',
        url: `${issuer}/oauth2/${endpoint}`,
        nowSeconds: clock() / 1000,
        algorithms: DPOP_ALGORITHMS,
        clockToleranceSeconds
      })
      if (result.kind === 'invalid') throw refusedProof(result.reason)
      const { nonce } = result.proof
      const isRight = nonces.isFresh(nonce) || (nonce === null && !nonceRequired)
      if (!isRight) {
        throw new OAuthError('use_dpop_nonce', 'proof-nonce-required', 'The DPoP proof needs the nonce of this answer')
      }
      return result.proof
    },
    useUp: async ({ thumbprint, jti, usableUntilMs }) => {
      if (!(await store.replays.record({ issuer: `dpop:${thumbprint}`, jti, expiresAtMs: usableUntilMs }, clock()))) {
        throw refusedProof('proof-replayed')
      }
    }
  }
}
