/** A URI that every reader takes apart alike: printable ASCII, no fragment, no credentials; `null` for any other. */
export function plainUrl(uri: string): URL | null {
  if (!URL.canParse(uri) || !/^[\x21-\x7e]+$/.test(uri) || /[#\\]/.test(uri)) return null
  const url = new URL(uri)
  return url.username === '' && url.password === '' ? url : null
}

const LOOPBACK_HOSTS = ['127.0.0.1', '[::1]']

/**
 * Whether a URI may be registered to receive authorization responses: https, plain http on a loopback address, or a
 * private-use scheme, whose name holds a dot; never one with a fragment or credentials.
 * @see RFC 6749 §3.1.2, RFC 8252 §7
 */
export function isRedirectUri(uri: string): boolean {
  const url = plainUrl(uri)
  if (url === null) return false
  const { protocol, hostname } = url
  if (protocol === 'https:') return true
  if (protocol === 'http:') return LOOPBACK_HOSTS.includes(hostname)
  return /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(protocol)
}

/**
 * Whether a request's redirect URI is one of the client's, character by character. Only the port of a loopback address
 * may differ, and only for a public client: an application on the user's device takes the port that is free.
 * @see RFC 9700 §2.1, RFC 8252 §7.3
 */
export function isRegistered(
  redirectUri: string,
  client: { readonly confidential: boolean; readonly redirectUris: readonly string[] }
): boolean {
  if (client.redirectUris.includes(redirectUri)) return true
  const portless = client.confidential || !URL.canParse(redirectUri) ? null : withoutLoopbackPort(redirectUri)
  return portless !== null && client.redirectUris.some(registered => withoutLoopbackPort(registered) === portless)
}

/** The URI's text without its port; `null` unless it is plain http on a loopback address. */
function withoutLoopbackPort(uri: string): string | null {
  const [, origin, rest] = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::\d{1,5})?((?:[/?].*)?)$/.exec(uri) ?? []
  return origin === undefined || rest === undefined ? null : origin + rest
}
