/**
 * What a token has to pass, in this order, as `token explain` says it. The verifier reports each one that a token has
 * passed; the first that it does not report is the one that refused.
 */
export const TOKEN_CHECKS = Object.freeze({
  size: 'no longer than 8 KiB',
  form: 'three parts of canonical base64url, header and payload JSON objects',
  'issuer-known': 'iss is one of the issuers that are trusted, letter by letter',
  type: 'typ in the header is that of an access token of this issuer',
  algorithm: 'alg is allowed for this issuer',
  extensions: 'the header demands no extension',
  key: 'kid names a published key of this issuer',
  'key-algorithm': 'the key is published for this algorithm',
  signature: 'the signature is that of the key',
  issuer: 'iss is the issuer, letter by letter',
  audience: 'the token is for this service',
  times: 'exp and iat are there, and the time is between them',
  kind: 'the claims are those of an access token',
  claims: 'subject, client and token id are there and well-formed',
  status: 'the token is not revoked',
  binding: 'the token is bound to no key, or its sender holds the key'
})

/** The name of a check. */
export type TokenCheck = keyof typeof TOKEN_CHECKS

/** Told of each check that a token has passed. */
export type CheckPassed = (check: TokenCheck) => void

export const UNWATCHED: CheckPassed = () => {}
