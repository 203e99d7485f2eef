import { GRANT_TYPES } from '../../store/grant-types.ts'
import type { Client } from '../../store/records.ts'
import { METHODS, METHOD_NAMES, methodsWith } from '../client-authentication/methods.ts'
import { DPOP_ALGORITHMS } from '../dpop-proofs.ts'
import { GRANTS } from '../token-endpoint/grants/index.ts'

/** Both metadata documents. @see RFC 8414 §2 */
export type Metadata = Readonly<Record<string, string | boolean | readonly string[] | Readonly<Record<string, string>>>>

/**
 * What works here, and nothing else.
 * @param issuer without a slash at the end
 * @param clients what they may use decides which of the grants advertised `when-used` are named
 * @see RFC 8414 §2
 */
export function authorizationServerMetadata(
  issuer: string,
  clients: readonly Client[],
  scopes: readonly string[]
): Metadata {
  const used = new Set(clients.flatMap(({ grantTypes }) => grantTypes))
  const methods = methodsWith(({ byCertificate, needs }) => !byCertificate && needs !== null)
  const publicMethods = methodsWith(({ needs }) => needs === null)
  const algorithms = [...new Set(METHOD_NAMES.flatMap(name => METHODS[name].signingAlgorithms))]
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth2/authorize`,
    pushed_authorization_request_endpoint: `${issuer}/oauth2/par`,
    authorization_response_iss_parameter_supported: true,
    code_challenge_methods_supported: ['S256'],
    response_modes_supported: ['query'],
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    token_endpoint: `${issuer}/oauth2/token`,
    token_endpoint_auth_methods_supported: clients.every(({ confidential }) => confidential)
      ? methods
      : [...methods, ...publicMethods],
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    revocation_endpoint: `${issuer}/oauth2/revoke`,
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: algorithms,
    introspection_endpoint: `${issuer}/oauth2/introspect`,
    introspection_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_signing_alg_values_supported: algorithms,
    introspection_signing_alg_values_supported: ['ES256'],
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    jwks_uri: `${issuer}/oauth2/jwks`,
    grant_types_supported: GRANT_TYPES.filter(type => GRANTS[type].advertised === 'always' || used.has(type)),
    response_types_supported: ['code'],
    scopes_supported: [...new Set(scopes)].sort()
  }
}

/**
 * Where the metadata of an issuer is found, as path on its origin: OAuth puts the well-known part in front of the
 * issuer's path, OpenID Connect behind it.
 * @see RFC 8414 §3.1, §5
 */
export function metadataPaths(issuer: string): readonly string[] {
  const path = new URL(issuer).pathname.replace(/\/$/, '')
  return [`/.well-known/oauth-authorization-server${path}`, `${path}/.well-known/openid-configuration`]
}
