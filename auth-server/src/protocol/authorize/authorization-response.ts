import type { ResponseTarget } from './authorization-request.ts'

/**
 * The URI that hands an answer to the client: its redirect URI as registered, with the answer, the request's `state`
 * and the issuer in the query.
 * @see RFC 6749 §4.1.2, RFC 9207 §2
 */
export function responseUri(
  issuer: string,
  { redirectUri, state }: ResponseTarget,
  answer: Readonly<Record<string, string>>
): string {
  const query = new URLSearchParams({ ...answer, ...(state === null ? {} : { state }), iss: issuer })
  return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${query.toString()}`
}
