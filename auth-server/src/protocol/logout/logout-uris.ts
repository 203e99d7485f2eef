import { isLoopback } from '@sallyport/security-context/mechanics'
import { isRedirectUri, plainUrl } from '../authorize/redirect-uris.ts'

/**
 * Whether this server may post logout tokens there: https, or plain http to this machine; no fragment, no credentials.
 * Only an administrator registers one, and no request can name another.
 * @see OpenID Connect Back-Channel Logout 1.0 §2.2
 */
export function isBackchannelLogoutUri(uri: string): boolean {
  const url = plainUrl(uri)
  return url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)))
}

/**
 * Whether browsers may be sent there after a logout: the same rules as for authorization responses.
 * @see OpenID Connect RP-Initiated Logout 1.0 §3.1
 */
export const isPostLogoutRedirectUri = isRedirectUri
