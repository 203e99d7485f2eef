import { InvalidOptionsError } from '../errors.ts'
import { isSecureUrl } from './fetch-document.ts'

/** What comes after the prefix: one path segment without escapes, and no query. */
const LIST_NAME = /^[\w.~-]+$/

/**
 * Which addresses are status lists. A token names its list, so whoever makes a token could name any other document of
 * the
 * issuer and have it polled: a prefix has to be that of the lists alone, and one segment follows it.
 * @param allowed a prefix that ends in `/`, or a decision
 * @param issuer the prefix must not cover it
 * @throws {InvalidOptionsError} `SALLYPORT_AUTHENTICATION_OPTIONS_INVALID`
 */
export function statusListAddresses(
  allowed: string | ((uri: string) => boolean),
  issuer: string
): (uri: string) => boolean {
  if (typeof allowed === 'string') checkPrefix(allowed, issuer)
  const decide =
    typeof allowed === 'string'
      ? (uri: string) => uri.startsWith(allowed) && LIST_NAME.test(uri.slice(allowed.length))
      : allowed
  // Only in its one canonical form is an address what it seems to be: no dot segments, no user part.
  return uri => isSecureUrl(uri) && new URL(uri).href === uri && decide(uri)
}

function checkPrefix(prefix: string, issuer: string): void {
  if (!isSecureUrl(prefix) || !prefix.endsWith('/') || new URL(prefix).search !== '') {
    throw new InvalidOptionsError('allowedUris must be an https URL (http only on loopback) that ends in /')
  }
  if (new URL(prefix).pathname === '/' || `${issuer.replace(/\/$/, '')}/`.startsWith(prefix)) {
    throw new InvalidOptionsError('allowedUris must be the prefix of the status lists alone, not the whole issuer')
  }
}
