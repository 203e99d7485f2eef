import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { bareAddress } from '@sallyport/security-context/mechanics'

/** Whether an address is that of a proxy whose forwarding headers are believed. */
export type TrustsAddress = (address: string | undefined) => boolean

/**
 * Makes the check of addresses: the one reading of the setting `trustedProxies`.
 * @param entries addresses and CIDR blocks without {@link trustedProxyMistakes}; none: nobody is believed
 */
export function trustedProxyRule(entries: readonly string[]): TrustsAddress {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/', 2)
    const family = familyOf(address)
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return address => address !== undefined && isIP(address) !== 0 && list.check(address, familyOf(address))
}

/**
 * Entries that cannot be believed, in words for the operator. A number of hops is no address, because any client can
 * fake it; a block of all addresses would believe everybody.
 */
export function trustedProxyMistakes(entries: readonly string[]): string[] {
  const unclear = entries.filter(entry => !isAddressOrBlock(entry))
  const boundless = entries.filter(entry => /\/0+$/.test(entry) && isAddressOrBlock(entry))
  return [
    ...(unclear.length === 0 ? [] : [`trustedProxies: ${unclear.join(', ')} is no address and no CIDR block`]),
    ...boundless.map(entry => `trustedProxies: ${entry} would believe everybody`)
  ]
}

/**
 * Leaves in `X-Forwarded-For` what is believed, as addresses without ports: from the end, each entry that a trusted hop
 * has written, up to the first one that is no trusted proxy. What is no address ends the list, so that the last
 * believed hop is the source. Without a trusted peer nothing changes, and nobody reads the header.
 */
export function keepBelievedAddresses({ headers, socket }: IncomingMessage, trusts: TrustsAddress): void {
  const given = headers['x-forwarded-for']
  if (given === undefined || !trusts(socket.remoteAddress)) return
  const believed: string[] = []
  for (const entry of [given].flat().join(',').split(',').reverse()) {
    const address = bareAddress(entry.trim())
    if (address === null) break
    believed.unshift(address)
    if (!trusts(address)) break
  }
  if (believed.length === 0) delete headers['x-forwarded-for']
  else headers['x-forwarded-for'] = believed.join(', ')
}

function isAddressOrBlock(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128))
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
