import { isIPv4 } from 'node:net'

/**
 * Whether a host is this machine and reached from this machine only, so that plain HTTP is tolerable there.
 * @param host name or address, an IPv6 address with or without the brackets of a URL
 * @see RFC 1122 §3.2.1.3, RFC 4291 §2.5.3, RFC 6761 §6.3
 */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'))
}
