import { isLoopback } from '@sallyport/security-context/mechanics'
import { isRedirectUri } from '../authorize/redirect-uris.ts'

/**
 * Whether this server may post logout tokens there: https, or plain http to this machine; no fragment, no credentials.
 * Only an administrator registers one, and no request can name another.
 * @see OpenID Connect Back-Channel Logout 1.0 §2.2
 */
export function isBackchannelLogoutUri(uri: string): boolean {
  if (!URL.canParse(uri) || !/^[\x21-\x7e]+$/.test(uri) || /[#\\]/.test(uri)) return false
  const { protocol, hostname, username, password } = new URL(uri)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

/**
 * Whether browsers may be sent there after a logout: the same rules as for authorization responses.
 * @see OpenID Connect RP-Initiated Logout 1.0 §3.1
 */
export const isPostLogoutRedirectUri = isRedirectUri
