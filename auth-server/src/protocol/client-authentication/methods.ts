import type { ClientAuthenticationMethod } from './method.ts'
import { selfSignedTlsClientAuth, tlsClientAuth } from './methods/certificate.ts'
import { clientSecretBasic, clientSecretPost } from './methods/client-secret.ts'
import { privateKeyJwt } from './methods/private-key-jwt.ts'
import { publicClient } from './methods/public-client.ts'

/**
 * Every client authentication method, by its name in the registry of OAuth. Dispatch, metadata, what an administrator
 * may register and what a method needs follow from this table.
 * @see RFC 8414 §2, token_endpoint_auth_methods_supported
 */
export const METHODS = {
  client_secret_basic: clientSecretBasic,
  client_secret_post: clientSecretPost,
  private_key_jwt: privateKeyJwt,
  tls_client_auth: tlsClientAuth,
  self_signed_tls_client_auth: selfSignedTlsClientAuth,
  none: publicClient
} as const satisfies Readonly<Record<string, ClientAuthenticationMethod>>

/** The name of a method. */
export type AuthenticationMethod = keyof typeof METHODS

/** Whether a text names a method. */
export const isAuthenticationMethod = (name: string): name is AuthenticationMethod => Object.hasOwn(METHODS, name)

/** The names of all methods. */
export const METHOD_NAMES: readonly AuthenticationMethod[] = Object.keys(METHODS).filter(isAuthenticationMethod)

/** The names of the methods that are like this. */
export function methodsWith(isLike: (method: ClientAuthenticationMethod) => boolean): readonly AuthenticationMethod[] {
  return METHOD_NAMES.filter(name => isLike(METHODS[name]))
}
