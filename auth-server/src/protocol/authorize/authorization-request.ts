/**
 * What an application asks of the user, after every check. It is plain data: it travels sealed through the pages. @see
 * RFC 6749 §4.1.1
 */
export interface AuthorizationRequest {
  readonly clientId: string
  readonly redirectUri: string
  /** Handed back as it came. */
  readonly state: string | null
  /** What is asked for, out of what the client may ever have. */
  readonly scopes: readonly string[]
  readonly audience: string
  readonly nonce: string | null
  /** For `S256`. @see RFC 7636 §4.3 */
  readonly codeChallenge: string
  readonly prompt: readonly Prompt[]
  /** The user's password was shown no longer ago than this. @see OpenID Connect Core 1.0 §3.1.2.1 */
  readonly maxAgeSeconds: number | null
  readonly loginHint: string | null
  /** Languages that the application asks for, the best first. @see OpenID Connect Core 1.0 §3.1.2.1 */
  readonly uiLocales?: string | null
  /** The user whom the client takes the browser's user for. @see OpenID Connect Core 1.0 §3.1.2.1, id_token_hint */
  readonly expectedUserId: string | null
  /** @see RFC 9449 §10 */
  readonly dpopThumbprint: string | null
  /** Reference of the pushed request that this is, to be used up with the code; `null`: it came in the URL. */
  readonly requestUri: string | null
}

/** What the client wants to be shown; `none`: no page at all. @see OpenID Connect Core 1.0 §3.1.2.1 */
export type Prompt = 'none' | 'login' | 'consent'

/** Where the answer to a request goes. */
export interface ResponseTarget {
  readonly clientId: string
  readonly redirectUri: string
  readonly state: string | null
}
