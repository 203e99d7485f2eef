import type { Principal } from '@sallyport/security-context'

/** Verifies access tokens of one issuer for one audience. */
export interface TokenVerifier {
  /**
   * @param token the token as received
   * @returns who it stands for
   * @throws {InvalidTokenError} `SALLYPORT_AUTHENTICATION_TOKEN_INVALID` (401), with the reason in `reason`
   * @throws {KeysUnavailableError} `SALLYPORT_AUTHENTICATION_KEYS_UNAVAILABLE` (503)
   * @throws {StatusUnavailableError} `SALLYPORT_AUTHENTICATION_STATUS_UNAVAILABLE` (503)
   */
  readonly verify: (token: string) => Promise<Principal>
}
