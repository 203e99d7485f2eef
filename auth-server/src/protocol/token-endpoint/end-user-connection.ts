import type { EndUserConnection } from '@sallyport/security-context'
import { bareAddress } from '@sallyport/security-context/mechanics'
import { invalidRequest } from '../../oauth-error.ts'
import type { GrantContext } from './grant.ts'

/** Parameters with which a trusted client reports whom it acts for. */
export const CONNECTION_PARAMETERS = ['source_address', 'user_agent'] as const

const LONGEST_USER_AGENT = 256

/** As much of a user agent as is kept. */
export const shortUserAgent = (userAgent: string): string => userAgent.slice(0, LONGEST_USER_AGENT).toWellFormed()

/**
 * The end user's connection: what a confidential client that may use the password grant reports, otherwise the
 * connection of the request. What other clients report is ignored. What is believed is what the audit trail says.
 * @throws {OAuthError} `invalid_request`
 */
export function endUserConnection(context: GrantContext): EndUserConnection {
  const { client, parameters, connection } = context
  if (!client.confidential || !client.grantTypes.includes('password')) return connection
  const reported = parameters.get('source_address')
  // A proxy in front of the client may have left its port on it: no reason to refuse a login.
  const sourceAddress = reported === undefined ? undefined : bareAddress(reported)
  const userAgent = parameters.get('user_agent')
  if (sourceAddress === null) throw invalidRequest('source-address', 'source_address is not an IP address')
  const reportedConnection = {
    ...(sourceAddress === undefined ? {} : { sourceAddress }),
    ...(userAgent === undefined ? {} : { userAgent: shortUserAgent(userAgent) })
  }
  if (Object.keys(reportedConnection).length > 0) context.noteEndUser(reportedConnection)
  return reportedConnection
}
