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
  /** Where authorization requests are pushed. Left out: nowhere. @see RFC 9126 §5 */
  readonly pushedRequestEndpoint?: string | null
  /**
   * Where a browser ends its login at the issuer. Left out: nowhere.
   * @see OpenID Connect RP-Initiated Logout 1.0 §2.1
   */
  readonly endSessionEndpoint?: string | null
  /** Which status lists there are. Left out: it does not say. @see draft-ietf-oauth-status-list §9.1 */
  readonly statusListsEndpoint?: string | null
  /** Whether every authorization response names the issuer in `iss`. Left out: no. @see RFC 9207 §3 */
  readonly answersNameIssuer?: boolean
  /** How clients prove themselves at the token endpoint. Left out: unknown. @see RFC 8414 §2 */
  readonly clientAuthenticationMethods?: readonly string[]
  /** Algorithms of assertions that clients prove themselves with. Left out: it does not say. */
  readonly clientAssertionAlgorithms?: readonly string[]
  /** Algorithms of DPoP proofs. Left out: it does not say that it takes any. @see RFC 9449 §5.1 */
  readonly dpopAlgorithms?: readonly string[]
  /** Endpoints for clients that authenticate by certificate; they may have another origin. @see RFC 8705 §5 */
  readonly mtlsEndpointAliases: Readonly<Record<string, string>>
}
