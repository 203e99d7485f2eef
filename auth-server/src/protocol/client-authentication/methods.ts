import type { ClientAuthenticationMethod } from './method.ts'
import { selfSignedTlsClientAuth, tlsClientAuth } from './methods/certificate.ts'
import { clientSecretBasicMethod, clientSecretPostMethod } from './methods/client-secret.ts'
import { privateKeyJwt } from './methods/private-key-jwt.ts'
import { publicClient } from './methods/public-client.ts'

/**
 * Every client authentication method, by its name in the registry of OAuth. Dispatch, metadata, what an administrator
 * may register and what a method needs follow from this table.
 * @see RFC 8414 §2, token_endpoint_auth_methods_supported
 */
export const CLIENT_METHODS = {
  client_secret_basic: clientSecretBasicMethod,
  client_secret_post: clientSecretPostMethod,
  private_key_jwt: privateKeyJwt,
  tls_client_auth: tlsClientAuth,
  self_signed_tls_client_auth: selfSignedTlsClientAuth,
  none: publicClient
} as const satisfies Readonly<Record<string, ClientAuthenticationMethod>>

/** The name of a method. */
export type AuthenticationMethod = keyof typeof CLIENT_METHODS

/** Whether a text names a method. */
export const isAuthenticationMethod = (name: string): name is AuthenticationMethod =>
  Object.hasOwn(CLIENT_METHODS, name)

/** The names of all methods. */
export const CLIENT_METHOD_NAMES: readonly AuthenticationMethod[] =
  Object.keys(CLIENT_METHODS).filter(isAuthenticationMethod)

/** The names of the methods that are like this. */
export function methodsWith(isLike: (method: ClientAuthenticationMethod) => boolean): readonly AuthenticationMethod[] {
  return CLIENT_METHOD_NAMES.filter(name => isLike(CLIENT_METHODS[name]))
}

/** Methods that need a secret: what a client has that says nothing else. */
export const SECRET_METHODS = methodsWith(({ needs }) => needs === 'secret')

/** Methods of public clients, which prove nothing. */
export const PUBLIC_METHODS = methodsWith(({ needs }) => needs === null)
