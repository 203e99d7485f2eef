import type { EndUserConnection } from '@sallyport/security-context'
import { bareAddress } from '@sallyport/security-context/mechanics'
import { invalidRequest } from '../../oauth-error.ts'
import type { GrantRequest } from './grant.ts'

/** Parameters with which a first-party client tells whom it acts for. */
export const CONNECTION_PARAMETERS = ['source_address', 'user_agent'] as const

const LONGEST_USER_AGENT = 256

/** What is kept of a user agent. */
export const shortUserAgent = (userAgent: string): string => userAgent.slice(0, LONGEST_USER_AGENT).toWellFormed()

/**
 * The end user's connection: as a confidential client that may use the password grant tells it, else the connection of
 * the request. Other clients' statements are not believed.
 * @throws {OAuthError} `invalid_request`
 */
export function endUserConnection(request: GrantRequest): EndUserConnection {
  const { client, parameters, connection } = request
  if (!client.confidential || !client.grantTypes.includes('password')) return connection
  const told = parameters.get('source_address')
  // A proxy in front of the client may have left its port on it: no reason to refuse a login.
  const sourceAddress = told === undefined ? undefined : bareAddress(told)
  const userAgent = parameters.get('user_agent')
  if (sourceAddress === null) throw invalidRequest('source-address', 'source_address is not an IP address')
  if (sourceAddress !== undefined) request.noteEndUser(sourceAddress)
  return {
    ...(sourceAddress === undefined ? {} : { sourceAddress }),
    ...(userAgent === undefined ? {} : { userAgent: shortUserAgent(userAgent) })
  }
}
