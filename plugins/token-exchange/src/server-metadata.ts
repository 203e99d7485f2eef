/**
 * What an authorization server says of itself, reduced to what a client or a resource server needs. @see RFC 8414 §2
 */
export interface AuthorizationServerMetadata {
  readonly issuer: string
  readonly tokenEndpoint: string
  readonly jwksUri: string | null
  readonly revocationEndpoint: string | null
  readonly introspectionEndpoint: string | null
  readonly authorizationEndpoint: string | null
  /** Endpoints for clients that authenticate by certificate; they may have another origin. @see RFC 8705 §5 */
  readonly mtlsEndpointAliases: Readonly<Record<string, string>>
}
