import type { KeyObject } from 'node:crypto'

/** What a token endpoint answered. @see RFC 6749 §5.1, RFC 8693 §2.2.1 */
export interface TokenSet {
  readonly accessToken: string
  readonly refreshToken: string | null
  /** `expires_in`: lifetime from now, in seconds. */
  readonly expiresInSeconds: number
  /** The granted scope, space-delimited; `null` when the server did not say. */
  readonly scope: string | null
}

/** Facts about the end user's connection, for the authorization server's session list and throttling. */
export interface EndUserConnection {
  readonly sourceAddress?: string
  readonly userAgent?: string
}

/**
 * The OAuth 2.0 client that authentication uses and token-exchange provides.
 * Every method rejects with an error whose `code` is one of {@link TokenClientErrorCode}.
 */
export interface TokenClient {
  /** Password grant. @see RFC 6749 §4.3 */
  password: (request: {
    username: string
    password: string
    scope?: string
    sessionKind?: 'login' | 'api'
    connection?: EndUserConnection
  }) => Promise<TokenSet>
  /**
   * Refresh grant; with a key, the new access token is bound to it, or the answer counts for nothing.
   * @see RFC 6749 §6, RFC 9449 §5
   */
  refresh: (request: {
    refreshToken: string
    scope?: string
    connection?: EndUserConnection
    dpopKey?: DpopKey
  }) => Promise<TokenSet>
  /** Token exchange. @see RFC 8693 §2.1 */
  exchange: (request: {
    subjectToken: string
    audience: string
    scope?: string
    connection?: EndUserConnection
  }) => Promise<TokenSet>
  /** Client credentials grant. @see RFC 6749 §4.4 */
  clientCredentials: (request: { audience?: string; scope?: string }) => Promise<TokenSet>
  /** Revocation. @see RFC 7009 §2.1 */
  revoke: (request: { token: string; tokenTypeHint?: 'access_token' | 'refresh_token' }) => Promise<void>
}

/** A key of ours: the access tokens that are bound to it are worth nothing to others. @see RFC 9449 §1 */
export interface DpopKey {
  /** `jkt`: its RFC 7638 thumbprint. */
  readonly thumbprint: () => string
  /** A proof for one request. @see RFC 9449 §4.2 */
  readonly prove: (request: ProofTarget) => string
}

/** What a proof is made for. */
export interface ProofTarget {
  readonly method: string
  /** Absolute; query and fragment are left out of the proof. */
  readonly url: string
  /** The token that goes with it; left out at a token endpoint. */
  readonly accessToken?: string
  /** What the receiver asked to be proven anew. @see RFC 9449 §8, §9 */
  readonly nonce?: string
}

/** What the token endpoint answered to an authorization code. The id_token has not been validated. */
export interface LoginTokens extends TokenSet {
  readonly idToken: string
}

/** What a login has to know of its issuer. */
export interface LoginIssuer {
  /** As it names itself: `iss` of its id_tokens. */
  readonly issuer: string
  /** This app as a client of the issuer: `aud` of its id_tokens. */
  readonly clientId: string
  /** Whether each of its authorization responses has `iss`. @see RFC 9207 §3 */
  readonly answersNameIssuer: boolean
  /** Where a browser ends its login at the issuer; `null`: nowhere. */
  readonly endSessionEndpoint: string | null
}

/**
 * The part of an OpenID Connect login that talks to the issuer: authentication uses it, token-exchange provides it.
 * Every method rejects with an error whose `code` is one of {@link TokenClientErrorCode}.
 */
export interface LoginClient {
  readonly issuer: () => Promise<LoginIssuer>
  /**
   * Where the browser goes with an authorization request; pushed before, where the issuer takes that. @see RFC 9126 §2
   */
  readonly authorizationUrl: (parameters: Readonly<Record<string, string>>) => Promise<string>
  /**
   * Authorization code grant; with a key, the access token is bound to it, or the answer counts for nothing.
   * @see RFC 6749 §4.1.3, RFC 7636 §4.5, RFC 9449 §5
   */
  readonly redeem: (request: {
    code: string
    redirectUri: string
    codeVerifier: string
    connection?: EndUserConnection
    dpopKey?: DpopKey
  }) => Promise<LoginTokens>
}

/**
 * How a token request failed, matched on `code`, never with `instanceof`.
 * - `SALLYPORT_TOKEN_REJECTED`: terminal: the credential, code or token is not valid (`invalid_grant`).
 * - `SALLYPORT_TOKEN_NOT_GRANTED`: the server refused what was asked for (`invalid_scope`, `invalid_target`,
 * `unauthorized_client`).
 * - `SALLYPORT_TOKEN_THROTTLED`: too many tries; the error has `retryAfterSeconds`.
 * - `SALLYPORT_TOKEN_UNAVAILABLE`: no answer, a 5xx, or an answer that makes no sense; the error may have
 * `retryAfterSeconds`.
 */
export type TokenClientErrorCode =
  | 'SALLYPORT_TOKEN_REJECTED'
  | 'SALLYPORT_TOKEN_NOT_GRANTED'
  | 'SALLYPORT_TOKEN_THROTTLED'
  | 'SALLYPORT_TOKEN_UNAVAILABLE'

/** A key that verifies signatures: one key, one algorithm. @see RFC 8725 §3.1 */
export interface VerificationKey {
  readonly keyId: string
  /** JWS `alg` that this key is for. */
  readonly algorithm: string
  readonly key: KeyObject
}

/** Where verification keys come from: a JWKS document, a file, or the authorization server's own database. */
export interface KeySource {
  /**
   * The key with this id, `null` when there is none. May fetch, under a cool-down.
   * Rejects with code `SALLYPORT_AUTHENTICATION_KEYS_UNAVAILABLE` when the question cannot be answered.
   */
  find: (keyId: string) => Promise<VerificationKey | null>
  /** Whether the key with this id is published now; synchronous, for tokens verified before. */
  isPublished: (keyId: string) => boolean
  /** Resolves when the first keys are there; rejects like `find`. */
  ready: () => Promise<void>
  /** Age of the newest successful answer in ms, `null` before the first. */
  ageMs: () => number | null
  close: () => Promise<void>
}

/** Where a token's revocation bit stands. @see draft-ietf-oauth-status-list */
export interface StatusReference {
  readonly uri: string
  readonly index: number
}

/** The status lists a verifier follows. */
export interface StatusSource {
  /** Makes sure that the list of this reference is followed; resolves also when it cannot be fetched. */
  follow: (reference: StatusReference) => Promise<void>
  /** Synchronous: `unavailable` when the list was never seen or is older than the allowed staleness. */
  check: (reference: StatusReference) => 'valid' | 'revoked' | 'unavailable'
  /** Age of the oldest followed list in ms, `null` when none is followed. */
  ageMs: () => number | null
  close: () => Promise<void>
}

/** One session of a user: a refresh-token family at the authorization server. */
export interface SessionSummary {
  readonly sessionId: string
  readonly clientId: string
  readonly kind: 'login' | 'api'
  readonly createdAtSeconds: number
  readonly lastUsedAtSeconds: number
  readonly expiresAtSeconds: number
  readonly sourceAddress: string | null
  readonly userAgent: string | null
  /** Whether this is the session the question was asked with. */
  readonly current: boolean
}

/** Lists and ends the sessions of the caller; the routes `/sessions` exist only where one is given. */
export interface SessionDirectory {
  list: (accessToken: string) => Promise<readonly SessionSummary[]>
  /** Ends one session of the caller; `false` when the caller has no such session. */
  end: (accessToken: string, sessionId: string) => Promise<boolean>
  /** Ends every session of the caller. */
  endAll: (accessToken: string) => Promise<void>
}
