import { isIPv4, isIPv6 } from 'node:net'

const IPV4_WITH_PORT = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/

/**
 * An address without what a proxy may have left on it: a port, the brackets of IPv6, a zone.
 * @returns `null` for what is no address
 */
export function bareAddress(address: string): string | null {
  const unwrapped = IPV4_WITH_PORT.exec(address)?.[1] ?? /^\[([^\]]*)\](?::\d{1,5})?$/.exec(address)?.[1] ?? address
  if (isIPv4(unwrapped)) return unwrapped
  const [withoutZone = ''] = unwrapped.split('%', 1)
  return isIPv6(withoutZone) ? withoutZone : null
}

/**
 * Who counts as one caller where callers are limited by address: an IPv4 address, or the /64 of an IPv6 address, since
 * that is what one subscriber gets. An IPv4 address written as IPv6 is that IPv4 address; a port that a proxy left on
 * the address is not part of it.
 * @param address as `request.ip` gives it
 * @returns the address, `2001:db8:0:1::/64`, or `unknown` for what is no address
 * @see RFC 4291 §2.5.5.2, RFC 6177 §2
 */
export function sourceOf(address: string): string {
  const read = readAddress(address)
  if (read === null) return 'unknown'
  return typeof read === 'string' ? read : `${read.slice(0, 4).join(':')}::/64`
}

/**
 * The network of an address: the /24 of an IPv4 address, the /48 of an IPv6 one. It says where somebody comes from, and
 * is shared by so many that it does not say who that is. Read as {@link sourceOf} reads it.
 * @returns `192.0.2.0/24`, `2001:db8:1::/48`, or `unknown` for what is no address
 */
export function networkOf(address: string): string {
  const read = readAddress(address)
  if (read === null) return 'unknown'
  return typeof read === 'string'
    ? `${read.slice(0, read.lastIndexOf('.'))}.0/24`
    : `${read.slice(0, 3).join(':')}::/48`
}

/** An IPv4 address as it is, the eight groups of an IPv6 address, `null` for what is no address. */
function readAddress(address: string): string | readonly string[] | null {
  const bare = bareAddress(address)
  return bare === null || isIPv4(bare) ? bare : readIpv6(bare)
}

function readIpv6(address: string): string | readonly string[] {
  // The URL parser writes every IPv6 address in one way: lower case, no leading zeros, no dots.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = MAPPED.exec(canonical) ?? []
  if (high !== undefined && low !== undefined) return [high, low].flatMap(octets).join('.')
  const [head = '', tail] = canonical.split('::', 2)
  const start = groupsOf(head)
  const end = groupsOf(tail ?? '')
  return [...start, ...Array.from({ length: 8 - start.length - end.length }, () => '0'), ...end]
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':')
}

function octets(group: string): number[] {
  const value = Number.parseInt(group, 16)
  return [value >> 8, value & 0xff]
}
