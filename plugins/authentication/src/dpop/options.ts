import { customOption, objectWith, optionsObject, Type, type Static } from '@sallyport/security-context/options'
import { isSecureEndpoint } from '../sources/fetch-document.ts'
import { asymmetricAlgorithms } from '../tokens/verifier-options.ts'
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
   * Scheme and authority under which callers know this service; never taken from the request.
   * @example 'https://api.example'
   */
  readonly origin: string
  /**
   * Accepted JWS algorithms of proofs.
   * @default ['ES256', 'EdDSA', 'RS256', 'PS256']
   */
  readonly algorithms?: readonly string[]
  /**
   * A proof made longer ago is refused, 1 to 300 seconds.
   * @default 60
   */
  readonly maxAgeSeconds?: number
  /**
   * Allowed difference between the sender's clock and this one, 0 to 60 seconds.
   * @default 5
   */
  readonly clockToleranceSeconds?: number
  /** When given, every proof needs a fresh nonce: `createDpopNonces`, with the same keys on all instances. */
  readonly nonces?: DpopNonces
  /**
   * Remembers used proofs. Left out: the memory of this process. Several instances behind one origin need a store that
   * they share.
   */
  readonly replays?: ProofReplays
  /**
   * How many proofs the process remembers; past it the one used longest ago is forgotten before its time.
   * @default 50_000
   */
  readonly maxRemembered?: number
}

export const dpopOptions = optionsObject({
  origin: customOption<string>(
    'scheme and authority of an https URL (http only on loopback), without a slash at the end',
    value => isSecureEndpoint(value) && URL.parse(value)?.origin === value
  ),
  algorithms: asymmetricAlgorithms(),
  maxAgeSeconds: Type.Number({ minimum: 1, maximum: 300, default: 60 }),
  clockToleranceSeconds: Type.Number({ minimum: 0, maximum: 60, default: 5 }),
  nonces: Type.Optional(objectWith<DpopNonces>('nonces', ['current', 'isFresh'])),
  replays: Type.Optional(objectWith<ProofReplays>('a store of proofs', ['record'])),
  maxRemembered: Type.Integer({ minimum: 1, default: 50_000 })
})

/** The options for DPoP with every default filled in. */
export type ReadDpopOptions = Readonly<Static<typeof dpopOptions>>
