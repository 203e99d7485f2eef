import type { LoadedKey } from './follow-signing-keys.ts'

/** A public key as published. @see RFC 7517 §4 */
export interface PublicKeyDocument {
  readonly kid: string
  readonly alg: string
  readonly use: 'sig'
  readonly [member: string]: string
}

/** The key set document: public members only, each key with its one algorithm. @see RFC 7517 §5 */
export function jsonWebKeySet(keys: readonly LoadedKey[]): { readonly keys: readonly PublicKeyDocument[] } {
  return { keys: keys.map(({ kid, algorithm, publicJwk }) => ({ ...publicJwk, kid, alg: algorithm, use: 'sig' })) }
}
