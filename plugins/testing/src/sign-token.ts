import { signBytes, type IssuerKey } from './signing-key.ts'

/** Claims or members of a header; one that is `undefined` is left out. */
export type TokenClaims = Readonly<Record<string, unknown>>

/** A value as a part of a token: a string as it is, everything else as JSON, in base64url. */
export const encodeTokenPart = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/**
 * A compact JWS over claims, right or wrong: nothing is checked.
 * @param header changes the header `{ typ: 'at+jwt', alg, kid }`
 */
export function signToken(key: IssuerKey, claims: unknown, header: TokenClaims = {}): string {
  const input = [{ typ: 'at+jwt', alg: key.algorithm, kid: key.keyId, ...header }, claims]
    .map(encodeTokenPart)
    .join('.')
  return `${input}.${signBytes(key, input).toString('base64url')}`
}
