type Environment = Readonly<Record<string, string | undefined>>

/** What follows the name of a Service in the variables that the kubelet sets, where they hold no URL. */
const PLAIN_LINK =
  /^_(?:SERVICE_HOST|SERVICE_PORT|SERVICE_PORT_[A-Z0-9_]+|PORT_\d+_(?:TCP|UDP|SCTP)_(?:PROTO|PORT|ADDR))$/
/** The same where they hold one. */
const URL_LINK = /_PORT(?:_\d+_(?:TCP|UDP|SCTP))?$/
const LINK_URL = /^(?:tcp|udp|sctp):\/\//

/**
 * Whether a variable is one of those that Kubernetes sets for a Service beside the process: only where the Service's
 * `_SERVICE_HOST` and `_SERVICE_PORT` are there too.
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
export function isServiceLink(variable: string, environment: Environment): boolean {
  const holdsUrl = LINK_URL.test(environment[variable] ?? '')
  // `A_PORT_80_TCP_PORT` can be read in several ways: one of them has to be a Service that is there.
  for (let end = variable.indexOf('_', 1); end !== -1; end = variable.indexOf('_', end + 1)) {
    const suffix = variable.slice(end)
    const isLink = PLAIN_LINK.test(suffix) || (holdsUrl && URL_LINK.exec(suffix)?.index === 0)
    if (isLink && hasService(variable.slice(0, end), environment)) return true
  }
  return false
}

/**
 * The Service whose link stands where a setting was expected, as Kubernetes names it (`sallyport-operations`); `null`
 * when the value is no link.
 */
export function collidingService(variable: string, value: string): string | null {
  const link = LINK_URL.test(value) ? URL_LINK.exec(variable) : null
  return link === null ? null : variable.slice(0, link.index).toLowerCase().replaceAll('_', '-')
}

function hasService(name: string, environment: Environment): boolean {
  return environment[`${name}_SERVICE_HOST`] !== undefined && environment[`${name}_SERVICE_PORT`] !== undefined
}
