const LOOPBACK_HOSTS = ['127.0.0.1', '[::1]', 'localhost']

/**
 * Whether this server may post logout tokens there: https, or plain http to this machine; no fragment, no credentials.
 * Only an administrator registers one, and no request can name another.
 * @see OpenID Connect Back-Channel Logout 1.0 §2.2
 */
export function isBackchannelLogoutUri (uri: string): boolean {
  const url = absoluteUrl(uri)
  return url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK_HOSTS.includes(url.hostname)))
}

/**
 * Whether browsers may be sent there after a logout: as above, or an application's own scheme, whose name holds a dot.
 * @see OpenID Connect RP-Initiated Logout 1.0 §3.1, RFC 8252 §7.1
 */
export function isPostLogoutRedirectUri (uri: string): boolean {
  const url = absoluteUrl(uri)
  return url !== null && (isBackchannelLogoutUri(uri) || /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol))
}

function absoluteUrl (uri: string): URL | null {
  if (!URL.canParse(uri) || /[#\s\\]/.test(uri)) return null
  const url = new URL(uri)
  return url.username === '' && url.password === '' ? url : null
}
