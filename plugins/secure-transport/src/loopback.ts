import { isIPv4 } from 'node:net'

/**
 * Whether a listener on this host can be reached from this machine only, so that plain HTTP is tolerable there.
 * @param host address or name to listen on
 * @see RFC 1122 §3.2.1.3, RFC 4291 §2.5.3
 */
export function isLoopback (host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}
