import type { AuthorizationServerMetadata } from '@sallyport/security-context/mechanics'
import { InvalidMetadataError } from './errors.ts'

/** What a way to authenticate needs, and how it shows. */
interface ClientMethodTraits {
  /** The option that it needs; `dispatcher` carries the certificate. */
  readonly needs: 'clientSecret' | 'clientKey' | 'dispatcher' | null
  /** Whether the connection proves the client, at the endpoints that the issuer has for that. @see RFC 8705 §5 */
  readonly byCertificate: boolean
}

/**
 * How a client proves who it is, by the names of the registry. Of those that its credentials allow, the first that the
 * issuer takes is chosen.
 * @see RFC 6749 §2.3.1, RFC 7523 §2.2, RFC 8705 §2
 */
export const CLIENT_PROOFS = Object.freeze({
  client_secret_basic: { needs: 'clientSecret', byCertificate: false },
  client_secret_post: { needs: 'clientSecret', byCertificate: false },
  private_key_jwt: { needs: 'clientKey', byCertificate: false },
  tls_client_auth: { needs: 'dispatcher', byCertificate: true },
  self_signed_tls_client_auth: { needs: 'dispatcher', byCertificate: true },
  none: { needs: null, byCertificate: false }
} as const satisfies Record<string, ClientMethodTraits>)

/** The name of a way to authenticate. */
export type ClientProofMethod = keyof typeof CLIENT_PROOFS

/** The names, in the order of the table. */
export const CLIENT_PROOF_NAMES: readonly ClientProofMethod[] = Object.freeze(
  Object.keys(CLIENT_PROOFS).filter((name): name is ClientProofMethod => Object.hasOwn(CLIENT_PROOFS, name))
)

/** What is configured of a client. */
export interface ConfiguredClient {
  readonly clientAuthentication?: ClientProofMethod | undefined
  readonly clientSecret?: unknown
  readonly clientKey?: { readonly algorithm: string } | undefined
  readonly dispatcher?: unknown
}

type MethodFacts = Pick<AuthorizationServerMetadata, 'clientAuthenticationMethods' | 'clientAssertionAlgorithms'>

/**
 * How this client authenticates at this issuer: what its configuration allows and the issuer's metadata names. An
 * issuer that says nothing is not asked for more than it may do.
 * @throws {InvalidMetadataError} `SALLYPORT_TOKEN_METADATA_INVALID` when there is no such way
 * @see RFC 8414 §2
 */
export function chooseClientMethod(client: ConfiguredClient, metadata: MethodFacts): ClientProofMethod {
  const allowed = configuredMethods(client)
  const { clientAuthenticationMethods: taken, clientAssertionAlgorithms: algorithms } = metadata
  const method = taken === undefined ? allowed[0] : allowed.find(name => taken.includes(name))
  if (method === undefined) {
    const issuerTakes = taken?.join(', ') ?? ''
    throw new InvalidMetadataError(`clients authenticate by ${issuerTakes}, this one by ${allowed.join(' or ')}`)
  }
  const { clientKey } = client
  const signs = method === 'private_key_jwt' && clientKey !== undefined
  if (signs && algorithms !== undefined && !algorithms.includes(clientKey.algorithm)) {
    throw new InvalidMetadataError(`assertions are signed by ${algorithms.join(', ')}, not ${clientKey.algorithm}`)
  }
  return method
}

/** What the credentials of a client allow; a certificate and nothing at all have to be asked for by name. */
export function configuredMethods({
  clientAuthentication: method,
  clientSecret
}: ConfiguredClient): readonly ClientProofMethod[] {
  if (method !== undefined) return [method]
  return clientSecret === undefined ? ['private_key_jwt'] : ['client_secret_basic', 'client_secret_post']
}

/** The metadata with the endpoints that a client uses which its certificate proves. @see RFC 8705 §5 */
export function endpointsForMethod(
  metadata: AuthorizationServerMetadata,
  method: ClientProofMethod
): AuthorizationServerMetadata {
  if (!CLIENT_PROOFS[method].byCertificate) return metadata
  const { mtlsEndpointAliases: aliases } = metadata
  const other = (name: string, usual: string | null | undefined): string | null => aliases[name] ?? usual ?? null
  return {
    ...metadata,
    tokenEndpoint: aliases.token_endpoint ?? metadata.tokenEndpoint,
    revocationEndpoint: other('revocation_endpoint', metadata.revocationEndpoint),
    introspectionEndpoint: other('introspection_endpoint', metadata.introspectionEndpoint),
    pushedRequestEndpoint: other('pushed_authorization_request_endpoint', metadata.pushedRequestEndpoint)
  }
}
