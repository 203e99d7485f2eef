import { isLoopback } from '@sallyport/security-context/mechanics'

/** A host name or address, an IPv6 address in brackets, with or without a port. @see RFC 9110 §4.2.3 */
const HOST = /^([a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?$/
/** Of host names as requests spell them. */
const MOST_SPELLINGS = 100
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

/** Where the setting `allowedHosts` has no host: one sentence a list, or none. */
export function allowedHostMistakes(hosts: readonly string[]): string[] {
  const unclear = unclearHosts(hosts).map(host => JSON.stringify(host))
  return unclear.length === 0 ? [] : [`allowedHosts: ${unclear.join(', ')} is not name or name:port`]
}

/**
 * The canonical spelling of the host that a request is for; `null` when it is not ours.
 * @param named host and port as the request names them, `undefined` when it does not (HTTP/1.0)
 * @param port the port that accepted the connection
 */
export type CanonicalHost = (named: string | undefined, protocol: string, port: number | undefined) => string | null

/** Entries of a list that are not hosts. */
export function unclearHosts(hosts: readonly string[]): string[] {
  return hosts.filter(host => !HOST.test(host.toLowerCase()))
}

/**
 * Makes the check of the host. Services believe the host that the gateway passes on, and build links and redirects from
 * it, so it comes from this list and not from the sender of the request.
 * @param allowed `name` for that name with no port, a default port or the listener's own; `name:port` for exactly that.
 * Empty: loopback names with any port, and `listenerHost`
 * @param listenerHost address that the edge listens on
 * @see RFC 9110 §7.2, §7.4
 */
export function canonicalHosts(allowed: readonly string[], listenerHost: string): CanonicalHost {
  const names = allowed.length === 0 ? [...LOOPBACK, hostOfAddress(listenerHost)] : allowed
  const hosts: ReadonlySet<string> = new Set(names.map(name => name.toLowerCase()))
  const [first = 'localhost'] = hosts

  function canonicalHost(named: string, protocol: string, listenerPort: number | undefined): string | null {
    const [, name = '', port] = HOST.exec(named.toLowerCase()) ?? []
    if (port === undefined) return hosts.has(name) ? name : null
    if (hosts.has(`${name}:${port}`)) return `${name}:${port}`
    if (!hosts.has(name)) return null
    if (Number(port) === (protocol === 'https' ? 443 : 80)) return name
    return Number(port) === listenerPort || isLoopback(name) ? `${name}:${port}` : null
  }

  // What was found for a spelling holds for the next request that uses it. Spellings that are refused are not kept, and
  // so few are served that strangers cannot fill this with more than the letter cases of our own names.
  const spellings = new Map<string, Spelling>()

  return (named, protocol, listenerPort) => {
    if (named === undefined) return first
    const known = spellings.get(named)
    if (known?.protocol === protocol && known.listenerPort === listenerPort) return known.host
    const host = canonicalHost(named, protocol, listenerPort)
    if (host !== null && spellings.size < MOST_SPELLINGS) spellings.set(named, { protocol, listenerPort, host })
    return host
  }
}

interface Spelling {
  readonly protocol: string
  readonly listenerPort: number | undefined
  readonly host: string
}

/** Loopback names and the listener's own, for a listener that only this machine reaches; else none. */
export function namesOfLoopbackListener(listenerHost: string): string[] {
  return isLoopback(listenerHost) ? [...LOOPBACK, hostOfAddress(listenerHost)] : []
}

const hostOfAddress = (address: string): string => (address.includes(':') ? `[${address}]` : address)
