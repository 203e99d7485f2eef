import type { EndUserConnection } from '@sallyport/security-context'
import { invalidRequest } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { Confirmation } from '../../store/confirmation.ts'
import type { WriteAuditWith } from '../../store/contract.ts'
import { tokenTypeOf, type TokenType } from '../../tokens/access-token-claims.ts'
import type { IssuedAccessToken } from '../../tokens/issue-access-token.ts'
import type { ClientContext } from '../client-context.ts'

/** One request to the token endpoint, after client authentication: everything that a grant works with. */
export interface GrantContext extends ClientContext {
  /** The parameters that the grant names, and no others. */
  readonly parameters: Form
  /** The client's own connection. */
  readonly connection: EndUserConnection
  /** The keys that the client has proven to hold: its access tokens are bound to them. `null`: bearer tokens. */
  readonly confirmation: Confirmation | null
  readonly auditWith: WriteAuditWith
  /** Called with the end user's connection when a trusted client reports it. */
  readonly noteEndUser: (connection: EndUserConnection) => void
}

/** The body of a successful answer. @see RFC 6749 §5.1, RFC 8693 §2.2.1 */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type: TokenType
  readonly expires_in: number
  /** Always present: a client that finds none may assume that it got everything it asked for. */
  readonly scope: string
  readonly refresh_token?: string
  readonly issued_token_type?: string
  /** @see OpenID Connect Core 1.0 §3.1.3.3 */
  readonly id_token?: string
}

/** A way to get tokens: an entry of the table {@link GRANTS}. */
export interface Grant {
  /** The form parameters that it reads; all others are ignored. */
  readonly parameters: readonly string[]
  /** Public clients can neither register for it nor use it. */
  readonly confidentialOnly: boolean
  /** `when-used`: the metadata names it only while an enabled client may use it. @see RFC 8414 §2 */
  readonly advertised: 'always' | 'when-used'
  /** @throws {OAuthError} */
  readonly handle: (context: GrantContext) => Promise<TokenResponse>
}

/** @throws {OAuthError} `invalid_request` */
export function requireParameter(parameters: Form, name: string): string {
  const value = parameters.get(name)
  if (value === undefined) throw invalidRequest('parameter-missing', `The parameter ${name} is missing`)
  return value
}

/** The answer for an access token. */
export function tokenResponse(
  issued: IssuedAccessToken,
  more: Pick<TokenResponse, 'refresh_token' | 'issued_token_type' | 'id_token'> = {}
): TokenResponse {
  return {
    access_token: issued.token,
    token_type: tokenTypeOf(issued.claims),
    expires_in: issued.expiresInSeconds,
    scope: issued.claims.scope,
    ...more
  }
}
