import type { SecurityEvent } from '@sallyport/security-context'

/** Whom and what a request turned out to be about, for its security event and so for its audit row. */
export type RequestParties = Pick<SecurityEvent, 'subject' | 'clientId' | 'nameTried' | 'resource' | 'detail'>

/**
 * The `error` values that the OAuth endpoints answer. @see RFC 6749 §5.2, RFC 7009 §2.2.1, RFC 8693 §2.2.2, RFC 9126
 * §2.3, RFC 9449 §5, §8
 */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'unsupported_token_type'
  | 'temporarily_unavailable'
  | 'server_error'
  | 'slow_down'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'unsupported_response_type'
  | 'request_not_supported'

/** The HTTP status of each. */
export const OAUTH_ERROR_STATUSES: Readonly<Record<OAuthErrorCode, number>> = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  invalid_target: 400,
  unsupported_token_type: 400,
  temporarily_unavailable: 503,
  server_error: 500,
  slow_down: 429,
  invalid_dpop_proof: 400,
  use_dpop_nonce: 400,
  unsupported_response_type: 400,
  request_not_supported: 400
}

/**
 * A refusal in the shape of RFC 6749 §5.2. `description` is the safe text for the client, `reason` the stable id for
 * the security event; what only operators may read goes to `cause`.
 */
export class OAuthError extends Error {
  readonly error: OAuthErrorCode
  readonly statusCode: number
  readonly code: string
  readonly reason: string
  readonly retryAfterSeconds: number | null
  /** Whom it is about, as far as that was known; for the security event, never for the caller. */
  parties: RequestParties = {}

  constructor(
    error: OAuthErrorCode,
    reason: string,
    description: string,
    options: { retryAfterSeconds?: number; cause?: unknown } = {}
  ) {
    super(description, options.cause === undefined ? undefined : { cause: options.cause })
    this.error = error
    this.statusCode = OAUTH_ERROR_STATUSES[error]
    this.code = `SALLYPORT_OAUTH_${error.toUpperCase()}`
    this.reason = reason
    this.retryAfterSeconds = options.retryAfterSeconds ?? null
  }

  /** The same refusal, of which more is known; what was said first stays. */
  about(parties: RequestParties): this {
    this.parties = { ...parties, ...this.parties }
    return this
  }
}

/** Runs `work`; a refusal that comes out of it says whom it is about. */
export async function refusalsAbout<Result>(parties: RequestParties, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof OAuthError ? error.about(parties) : error
  }
}

/** The request is malformed. */
export const invalidRequest = (reason: string, description: string): OAuthError =>
  new OAuthError('invalid_request', reason, description)

/** Client authentication failed; one text for every cause, so that nothing is told about which clients exist. */
export const invalidClient = (reason: string): OAuthError =>
  new OAuthError('invalid_client', reason, 'Client authentication failed')

/** The credential or token is not valid; one text for every cause. */
export const invalidGrant = (reason: string): OAuthError =>
  new OAuthError('invalid_grant', reason, 'The credential or token is not valid')

/** A requested scope is unknown or not within reach. */
export const invalidScope = (reason: string): OAuthError =>
  new OAuthError('invalid_scope', reason, 'The requested scope cannot be granted')

/** The requested audience is unknown or not allowed for this client. @see RFC 8693 §2.2.2 */
export const invalidTarget = (reason: string): OAuthError =>
  new OAuthError('invalid_target', reason, 'The requested audience cannot be granted')
