import { invalidClient, invalidRequest } from '../../oauth-error.ts'
import { decodeFormComponent, type Form } from '../../parse-form.ts'
import type { AuthenticationMethod } from '../../store/records.ts'

/** What a request presents as client authentication. */
export interface PresentedCredentials {
  readonly method: Extract<AuthenticationMethod, 'client_secret_basic' | 'client_secret_post' | 'none'>
  readonly clientId: string
  readonly secret: string | null
}

/**
 * Reads the client authentication of a request.
 * @throws {OAuthError} `invalid_request` for more than one method, `invalid_client` for none or one that cannot be read
 * @see RFC 6749 §2.3, §2.3.1
 */
export function presentedCredentials(authorization: string | undefined, form: Form): PresentedCredentials {
  const methods = [authorization, form.get('client_secret'), form.get('client_assertion')].filter(
    method => method !== undefined
  )
  if (methods.length > 1) {
    throw invalidRequest('client-authentication-repeated', 'More than one client authentication method')
  }
  if (authorization !== undefined) return basicCredentials(authorization, form.get('client_id'))
  const clientId = form.get('client_id')
  if (clientId === undefined || form.has('client_assertion') || form.has('client_assertion_type')) {
    throw invalidClient('client-authentication-missing')
  }
  const secret = form.get('client_secret')
  return secret === undefined
    ? { method: 'none', clientId, secret: null }
    : { method: 'client_secret_post', clientId, secret }
}

function basicCredentials(authorization: string, repeatedId: string | undefined): PresentedCredentials {
  const [, encoded = ''] = /^Basic ([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  const decoded = Buffer.from(encoded, 'base64').toString('latin1')
  const colon = decoded.indexOf(':')
  if (colon === -1) throw invalidClient('client-authentication-malformed')
  const clientId = decodeFormComponent(decoded.slice(0, colon))
  const secret = decodeFormComponent(decoded.slice(colon + 1))
  if (clientId === null || secret === null) throw invalidClient('client-authentication-malformed')
  if (repeatedId !== undefined && repeatedId !== clientId) {
    throw invalidRequest('client-id-mismatch', 'Two different client ids')
  }
  return { method: 'client_secret_basic', clientId, secret }
}
