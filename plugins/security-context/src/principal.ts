/**
 * App-specific claims, merged by the app:
 * `declare module '@sallyport/security-context' { interface AppClaims { tenant: string } }`.
 */
export interface AppClaims {}

/** One link of the delegation chain: who acts for the subject, and for whom that party acted. @see RFC 8693 §4.1 */
export interface Actor {
  readonly subject: string
  readonly actor: Actor | null
}

/** Longer chains of actors are neither issued nor accepted: each link is a hop that a service made. */
export const LONGEST_ACTOR_CHAIN = 8

/**
 * Who is calling: what every stage after authentication may know of the caller. Identity is `issuer` + `subject`,
 * never a name or an e-mail address. @see RFC 9068 §2.2
 */
export interface Principal {
  /** `iss` of the token; `null` when a strategy has no issuer. */
  readonly issuer: string | null
  /** `sub`: the user, or the client itself for client credentials. */
  readonly subject: string
  /** The tenant that the issuer stands for, where the service is told; left out: none. */
  readonly tenant?: string
  /** `client_id` of the OAuth client the token was issued to. */
  readonly clientId: string | null
  readonly roles: readonly string[]
  readonly scopes: readonly string[]
  /** The one audience under which this token was accepted. */
  readonly audience: string | null
  /** `sid`: the refresh-token family; `null` for tokens without a session. */
  readonly sessionId: string | null
  /** `jti`. */
  readonly tokenId: string | null
  readonly actor: Actor | null
  readonly issuedAtSeconds: number | null
  readonly expiresAtSeconds: number | null
  /** Every claim of the token, frozen. */
  readonly claims: Readonly<Record<string, unknown> & Partial<AppClaims>>
}
