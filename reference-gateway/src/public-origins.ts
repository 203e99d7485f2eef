import { isLoopback } from '@sallyport/security-context/mechanics'

/** Settings that say how the edge is reached. */
export interface EdgeSettings {
  readonly publicOrigins: readonly string[]
  readonly allowedHosts: readonly string[]
  readonly trustedProxies: readonly string[]
  /** Whether the edge's own listener speaks TLS. */
  readonly edgeTls: boolean
}

/** What URLs allow in a host and no name has, such as `*`, would boot and match nothing. @see RFC 1123 §2.1 */
const ORIGIN_FORM = /^https?:\/\/(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::\d+)?$/

/** How browsers reach the edge, whatever its own listener speaks. */
export interface PublicEdge {
  /** Own origins, the canonical one first; `undefined`: scheme and host of each request. */
  readonly origins: readonly string[] | undefined
  /** Whether browsers use TLS: cookies are `Secure`, answers carry Strict-Transport-Security. */
  readonly secure: boolean
  /** `https` or `http` for services that build links; `undefined`: that of each request. */
  readonly scheme: 'https' | 'http' | undefined
  /** Hosts that are served; none: loopback names and the listener's own. */
  readonly hosts: readonly string[]
}

/** What follows from settings that {@link publicOriginMistakes} finds nothing wrong with. */
export function publicEdge({ publicOrigins, allowedHosts, edgeTls }: EdgeSettings): PublicEdge {
  const [canonical] = publicOrigins
  const hosts = allowedHosts.length > 0 ? allowedHosts : publicOrigins.map(origin => new URL(origin).host)
  if (canonical === undefined) return { origins: undefined, secure: edgeTls, scheme: undefined, hosts }
  const secure = canonical.startsWith('https:')
  return { origins: publicOrigins, secure, scheme: secure ? 'https' : 'http', hosts }
}

/**
 * Refuses settings under which cookies would travel in the clear, or the edge would not know how it is reached: one
 * sentence per mistake.
 */
export function publicOriginMistakes(settings: EdgeSettings): string[] {
  const { publicOrigins, trustedProxies, edgeTls } = settings
  if (publicOrigins.length === 0) return unnamedOrigins(settings)
  const unclear = publicOrigins.filter(origin => URL.parse(origin)?.origin !== origin || !ORIGIN_FORM.test(origin))
  if (unclear.length > 0) {
    return [`publicOrigins: ${unclear.map(origin => JSON.stringify(origin)).join(', ')} is not scheme://host`]
  }
  const plain = publicOrigins.filter(origin => origin.startsWith('http:'))
  const open = plain.filter(origin => !isLoopback(new URL(origin).hostname))
  const allSecure = plain.length === 0
  return [
    ...(open.length === 0 ? [] : [`publicOrigins: ${open.join(', ')} would send credentials in the clear: use https:`]),
    ...(allSecure || plain.length === publicOrigins.length
      ? []
      : ['publicOrigins: https: and http: together, but cookies are either Secure or not']),
    ...(edgeTls && !allSecure ? ['publicOrigins: the edge speaks TLS (edgeTls), so browsers do not use http:'] : []),
    ...(!edgeTls && allSecure && trustedProxies.length === 0
      ? ['trustedProxies: https: origins before a plain listener need a proxy that ends TLS; name its address']
      : [])
  ]
}

/** Without origins the listener tells how browsers come: right unless it is plain and not they connect to it. */
function unnamedOrigins({ allowedHosts, trustedProxies, edgeTls }: EdgeSettings): string[] {
  if (edgeTls) return []
  const elsewhere = allowedHosts.filter(host => !isLoopback(host.replace(/:\d+$/, '')))
  if (trustedProxies.length === 0 && elsewhere.length === 0) return []
  const reason = elsewhere.length > 0 ? `allowedHosts (${elsewhere.join(', ')})` : 'trustedProxies'
  return [
    `publicOrigins: needed with ${reason} before a plain listener: whether cookies are Secure follows from it ` +
      '(https://shop.example)'
  ]
}
