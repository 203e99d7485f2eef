import { isSecureEndpoint } from './fetch-document.ts'

/** What comes after the prefix: one path segment without escapes, and no query. */
const LIST_NAME = /^[\w.~-]+$/

/**
 * Which addresses are status lists. A token names its list, so whoever makes a token could name any other document of
 * the issuer and have it polled: a prefix has to be that of the lists alone, and one segment follows it.
 * @param allowed a prefix that ends in `/`, or a decision
 */
export function statusListAddresses(allowed: StatusListAddresses): (uri: string) => boolean | Promise<boolean> {
  const decide =
    typeof allowed === 'string'
      ? (uri: string) => uri.startsWith(allowed) && LIST_NAME.test(uri.slice(allowed.length))
      : allowed
  // Only in its one canonical form is an address what it seems to be: no dot segments, no user part.
  return uri => isSecureEndpoint(uri) && new URL(uri).href === uri && decide(uri)
}

/** The prefix of all status lists, or a decision about one address. */
type StatusListAddresses = string | ((uri: string) => boolean | Promise<boolean>)

/**
 * Why a prefix covers more than the lists.
 * @param option the name of the option, for the message
 */
export function statusListPrefixMistakes(option: string, allowed: StatusListAddresses, issuer: string): string[] {
  if (typeof allowed !== 'string') return []
  const coversIssuer = new URL(allowed).pathname === '/' || `${issuer.replace(/\/$/, '')}/`.startsWith(allowed)
  return coversIssuer ? [`${option} must be the prefix of the status lists alone, not the whole issuer`] : []
}
