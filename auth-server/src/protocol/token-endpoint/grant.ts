import type { EndUserConnection } from '@sallyport/security-context'
import { invalidRequest } from '../../oauth-error.ts'
import type { Form } from '../../parse-form.ts'
import type { WriteAudit } from '../../store/contract.ts'
import type { Client } from '../../store/records.ts'
import { tokenTypeOf, type TokenType } from '../../tokens/access-token-claims.ts'
import type { IssuedAccessToken } from '../../tokens/issue-access-token.ts'
import type { AuthorizationServer } from '../authorization-server.ts'

/** One request to the token endpoint, after client authentication. */
export interface GrantRequest {
  readonly client: Client
  /** The parameters that the grant names, and no others. */
  readonly parameters: Form
  /** Of the client's own connection. */
  readonly connection: EndUserConnection
  readonly audit: WriteAudit
  /** Hears of the end user's address when a client tells it that is believed. */
  readonly noteEndUser: (sourceAddress: string) => void
}

/** The body of a successful answer. @see RFC 6749 §5.1, RFC 8693 §2.2.1 */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type: TokenType
  readonly expires_in: number
  /** Always there: a client that finds none may take it for everything it asked for. */
  readonly scope: string
  readonly refresh_token?: string
  readonly issued_token_type?: string
  /** @see OpenID Connect Core 1.0 §3.1.3.3 */
  readonly id_token?: string
}

/** A way to get tokens. */
export interface Grant {
  /** Value of `grant_type`. */
  readonly name: string
  readonly parameters: readonly string[]
  readonly handle: (server: AuthorizationServer, request: GrantRequest) => Promise<TokenResponse>
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
