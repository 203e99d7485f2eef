import { methodsWith } from '../client-authentication/methods.ts'
import type { Metadata } from './authorization-server-metadata.ts'

const METHODS_MEMBER = /^(?:token|revocation|introspection)_endpoint_auth_methods_supported$/
const ALIASED_MEMBER = /^(?:token|revocation|introspection|pushed_authorization_request|userinfo)_endpoint$/

/**
 * Adds what the listener for client certificates offers: the methods that use them, bound tokens, its endpoints.
 * @param origin of that listener
 * @see RFC 8705 §2.1.1, §2.2.1, §3.3, §5
 */
export function withMutualTls(metadata: Metadata, origin: string): Metadata {
  const entries = Object.entries(metadata)
  const methods = methodsWith(({ byCertificate }) => byCertificate)
  return {
    ...metadata,
    ...Object.fromEntries(
      entries.flatMap(([name, value]) =>
        METHODS_MEMBER.test(name) && Array.isArray(value) ? [[name, [...value, ...methods]]] : []
      )
    ),
    tls_client_certificate_bound_access_tokens: true,
    mtls_endpoint_aliases: Object.fromEntries(
      entries.flatMap(([name, value]) =>
        ALIASED_MEMBER.test(name) && typeof value === 'string' ? [[name, `${origin}${new URL(value).pathname}`]] : []
      )
    )
  }
}
