/**
 * Values of `grant_type` that clients can be registered for. A new one goes here; the compiler then asks for its
 * handler in the table `GRANTS` of the protocol.
 * @see RFC 6749 §4, §6, RFC 8693 §2.1
 */
export const GRANT_TYPES = [
  'authorization_code',
  'password',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:token-exchange'
] as const

/** One of {@link GRANT_TYPES}. */
export type GrantType = (typeof GRANT_TYPES)[number]

/** Whether a text names a grant. */
export const isGrantType = (text: string): text is GrantType => GRANT_TYPES.some(type => type === text)
