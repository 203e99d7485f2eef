import { JWT_SIGNING_ALGORITHM } from '../../tokens/keys/make-signing-key.ts'
import { PROTOCOL_SCOPES } from '../narrow-scopes.ts'
import type { Metadata } from './authorization-server-metadata.ts'

/**
 * Adds what works of OpenID Connect. `RS256`, which the specification wants in the list, is not offered: everything
 * here is signed with one algorithm.
 * @see OpenID Connect Discovery 1.0 §3, RP-Initiated Logout 1.0 §2.1, Back-Channel Logout 1.0 §2.1
 */
export function withOpenId(metadata: Metadata, issuer: string): Metadata {
  const scopes = metadata['scopes_supported']
  return {
    ...metadata,
    scopes_supported: [...new Set([...(Array.isArray(scopes) ? scopes : []), ...PROTOCOL_SCOPES])].sort(),
    userinfo_endpoint: `${issuer}/oauth2/userinfo`,
    end_session_endpoint: `${issuer}/oauth2/end-session`,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [JWT_SIGNING_ALGORITHM],
    claims_supported: [
      'iss',
      'sub',
      'aud',
      'exp',
      'iat',
      'auth_time',
      'nonce',
      'sid',
      'at_hash',
      'amr',
      'preferred_username'
    ],
    claims_parameter_supported: false,
    request_parameter_supported: false,
    // Without it a client may take it for true. References of pushed requests are another matter. @see RFC 9126 §5
    request_uri_parameter_supported: false,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true
  }
}
