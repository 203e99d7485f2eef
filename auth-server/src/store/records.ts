import type { ClientRegistration } from './client-fields.ts'
import type { Confirmation } from './confirmation.ts'

export type { CertificateSubject, ClientRegistration } from './client-fields.ts'

/** A position in a status list: whether what was issued under it still counts. */
export interface StatusPosition {
  readonly listId: string
  readonly index: number
}

/** A person who can log in. Identity is the id, never the name. */
export interface User {
  /** UUID. */
  readonly id: string
  /** Normalised. */
  readonly username: string
  readonly passwordHash: string
  readonly passwordChangedAtMs: number
  readonly disabledAtMs: number | null
  /** The roles that count now: those of `givenRoles` that are not disabled. By name. */
  readonly roles: readonly string[]
  /** What administrators have given, by name. */
  readonly givenRoles: readonly string[]
  /** Grows with every change of name, roles and state, from 1. */
  readonly version: number
}

/** An OAuth client: what is registered of it, and what the server keeps. */
export interface Client extends ClientRegistration {
  /** Position of the tokens that it gets for itself. */
  readonly status: StatusPosition
  /** Grows with every change of what is registered, and when it is disabled or enabled. */
  readonly version: number
  readonly disabledAtMs: number | null
}

/** The hash of a client's secret; two can be live, so that a secret is rotated with no failed request. */
export interface ClientSecret {
  readonly id: string
  /** SHA-256 of the secret. */
  readonly hash: Buffer
  readonly expiresAtMs: number | null
}

/** A resource server, by the name that tokens for it have in `aud`. */
export interface Audience {
  readonly name: string
  /** For administrators. */
  readonly description: string
  /** Grows with every change. */
  readonly version: number
  readonly disabledAtMs: number | null
}

/** A scope is known by its name and its audience together. */
export interface ScopeKey {
  readonly name: string
  readonly audience: string
}

/** A scope at one audience. */
export interface Scope extends ScopeKey {
  /** Users need this role; `null`: no role. */
  readonly requiredRole: string | null
  /** What users read at the consent page, by BCP 47 tag in lower case. */
  readonly descriptions: Readonly<Record<string, string>>
  /** Grows with every change. */
  readonly version: number
  readonly disabledAtMs: number | null
}

/** A role that users can be given. */
export interface Role {
  readonly name: string
  /** What it is for, by BCP 47 tag in lower case. */
  readonly descriptions: Readonly<Record<string, string>>
  /** Grows with every change. */
  readonly version: number
  readonly disabledAtMs: number | null
}

/** A session: a family of refresh tokens. */
export interface Session {
  /** UUID, `sid` in tokens. */
  readonly id: string
  readonly userId: string
  readonly clientId: string
  readonly kind: 'login' | 'api'
  /** What was granted at the start; it never grows. */
  readonly scopes: readonly string[]
  readonly audience: string
  /** How long it lives without use, in seconds. */
  readonly idleSeconds: number
  readonly createdAtMs: number
  readonly lastUsedAtMs: number
  readonly idleExpiresAtMs: number
  readonly absoluteExpiresAtMs: number
  readonly userAgent: string | null
  readonly sourceAddress: string | null
  readonly status: StatusPosition
  /** The keys that the refresh tokens of a public client are bound to; `null`: none. */
  readonly confirmation: Confirmation | null
  /** The sign-in that it was granted in; `null` when the client itself presented the user's password. */
  readonly signInId: string | null
  /** When the user showed the password, for a session of a sign-in. */
  readonly authenticatedAtMs: number | null
  readonly endedAtMs: number | null
  readonly endReason: string | null
}

/** A session with its user, read in one snapshot: roles and status position belong together. */
export interface UserSession {
  readonly session: Session
  readonly user: User
}

/** A browser in which a user has logged in here; its cookie holds a secret of which only the hash is stored. */
export interface SignIn {
  /** UUID. */
  readonly id: string
  readonly userId: string
  /** When the user showed the password: `auth_time`. @see OpenID Connect Core 1.0 §2 */
  readonly authenticatedAtMs: number
  readonly lastUsedAtMs: number
  readonly idleExpiresAtMs: number
  readonly absoluteExpiresAtMs: number
  readonly endedAtMs: number | null
}

/** A sign-in with its user, read in one snapshot. */
export interface UserSignIn {
  readonly signIn: SignIn
  readonly user: User
}

/** What a user agreed to in the authorization endpoint, waiting for its client. @see RFC 6749 §4.1.2 */
export interface AuthorizationCode {
  readonly clientId: string
  readonly userId: string
  readonly signInId: string
  /** As it was in the request; the client has to name it again. */
  readonly redirectUri: string
  /** For `S256`. @see RFC 7636 §4.2 */
  readonly codeChallenge: string
  readonly scopes: readonly string[]
  readonly audience: string
  readonly nonce: string | null
  readonly authenticatedAtMs: number
  /** Thumbprint of the DPoP key that the client announced. @see RFC 9449 §10 */
  readonly dpopThumbprint: string | null
  readonly expiresAtMs: number
}

/** An authorization code as stored: never the code itself. */
export interface StoredAuthorizationCode {
  readonly code: AuthorizationCode
  /** The session that its use began; `null` until then. */
  readonly sessionId: string | null
}

/** An authorization request that its client has handed in beforehand. @see RFC 9126 §2.2 */
export interface PushedRequest {
  readonly clientId: string
  readonly parameters: Readonly<Record<string, string>>
  readonly expiresAtMs: number
}

/** A refresh token as stored: never the token itself. */
export interface RefreshToken extends UserSession {
  readonly hash: Buffer
  /**
   * The successor, sealed under a key that only the holder of this token can derive; `null` until this token is used.
   */
  readonly successorSealed: Buffer | null
  /** When this token was first used: its successor is as old; `null` until then. */
  readonly usedAtMs: number | null
  /** When the successor was used itself; `null` until then. */
  readonly successorUsedAtMs: number | null
}

/** A client has to hear that a session of it ended. */
export interface LogoutNotice {
  readonly id: string
  readonly clientId: string
  readonly userId: string
  readonly sessionId: string
  /** Attempts to deliver it, with the one that it was claimed for. */
  readonly attempts: number
  /** As the client is registered now; `null` when it wants no notices any more. */
  readonly uri: string | null
}

/** The states of a signing key, in order; there is no way back. */
export type SigningKeyState = 'published' | 'signing' | 'retired' | 'removed'

/** A signing key as stored: the private part is sealed. */
export interface SigningKeyRecord {
  readonly kid: string
  readonly algorithm: string
  readonly publicJwk: Readonly<Record<string, string>>
  readonly privateKeySealed: Buffer
  readonly state: SigningKeyState
  readonly publishedAtMs: number
  readonly signingAtMs: number | null
  readonly retiredAtMs: number | null
  readonly removedAtMs: number | null
}

/**
 * The bits of a status list: bit set = revoked, lowest bit of the first byte first. @see draft-ietf-oauth-status-list,
 * "Status List"
 */
export interface StatusList {
  readonly id: string
  readonly size: number
  readonly bits: Buffer
  /** Grows with every change. */
  readonly version: number
}
