import { declareRoutes, namedScopes } from '@sallyport/security-context'
import { customOption, optionsObject, Type, type Static } from '@sallyport/security-context/options'
import type { FastifyInstance } from 'fastify'
import { isSecureEndpoint } from './sources/fetch-document.ts'

/** What the service says of itself to clients that know nothing of it. */
export interface ResourceMetadataOptions {
  /**
   * The address under which clients know this service: an https URL without query, http only on loopback.
   * @example 'https://api.shop.example'
   */
  readonly resource: string
  /** Its name, for people. */
  readonly name?: string
  /** A page for developers. */
  readonly documentation?: string
  /** Scopes beside those that the policies of the routes name: a list, or what knows it when it is asked. */
  readonly scopes?: readonly string[] | (() => readonly string[])
}

export const resourceMetadataOptions = optionsObject({
  resource: customOption<string>(
    'an https URL without query and escapes (http only on loopback)',
    isResourceIdentifier
  ),
  name: Type.Optional(Type.String({ minLength: 1 })),
  documentation: Type.Optional(customOption<string>('an https URL (http only on loopback)', isSecureEndpoint)),
  scopes: Type.Optional(
    customOption<NonNullable<ResourceMetadataOptions['scopes']>>(
      'a list of scopes, or a function',
      value => typeof value === 'function' || (Array.isArray(value) && value.every(each => typeof each === 'string'))
    )
  )
})

/** What is known of the service beside its options. */
export interface DescribedResource {
  readonly options: Readonly<Static<typeof resourceMetadataOptions>>
  /** Whose tokens it takes. */
  readonly issuers: readonly string[]
  /** Whether it takes tokens that are bound to nothing. */
  readonly bearer: boolean
  /** Algorithms of DPoP proofs; `null` where none are taken. */
  readonly dpopAlgorithms: readonly string[] | null
  readonly certificateBound: boolean
}

/** What a route can be told to serve as it stands: nothing escaped, no parameter. */
const UNESCAPED_PATH = /^[A-Za-z0-9._~/-]*$/
const WELL_KNOWN = '/.well-known/oauth-protected-resource'
/** As long as a change of the routes may take to be seen. */
const MAX_AGE_SECONDS = 300

/**
 * Where the metadata of a resource is: the well-known part goes between host and path.
 * @see RFC 9728 §3.1
 */
export function resourceMetadataUri(resource: string): string {
  const { origin, pathname } = new URL(resource)
  return `${origin}${WELL_KNOWN}${pathname === '/' ? '' : pathname}`
}

/**
 * Adds the route with the metadata of the service. The scopes are those that policies of the routes name, collected as
 * the routes are added.
 * @see RFC 9728 §2, §3.2
 */
export function serveResourceMetadata(fastify: FastifyInstance, described: DescribedResource): void {
  const scopes = new Set<string>()
  fastify.addHook('onRoute', function collectScopes({ config }) {
    for (const scope of namedScopes(config?.access)) scopes.add(scope)
  })
  const path = new URL(resourceMetadataUri(described.options.resource)).pathname
  const config = { access: 'public', audit: 'none' } as const
  // Whoever demands declarations may be registered later, and has not seen the route then.
  declareRoutes(fastify, { routes: [`GET ${path}`], config })
  fastify.get(path, { config }, async function answerResourceMetadata(_request, reply) {
    void reply.header('cache-control', `public, max-age=${MAX_AGE_SECONDS}`)
    return metadataDocument(described, scopes)
  })
}

/** A member without values is left out, as §3.2 demands. */
function metadataDocument(
  { options, issuers, bearer, dpopAlgorithms, certificateBound }: DescribedResource,
  routeScopes: ReadonlySet<string>
): Readonly<Record<string, unknown>> {
  const { resource, name, documentation, scopes = [] } = options
  const all = [...new Set([...routeScopes, ...(typeof scopes === 'function' ? scopes() : scopes)])].toSorted()
  return {
    resource,
    ...(issuers.length > 0 && { authorization_servers: issuers }),
    ...(all.length > 0 && { scopes_supported: all }),
    ...(bearer && { bearer_methods_supported: ['header'] }),
    ...(dpopAlgorithms !== null && { dpop_signing_alg_values_supported: dpopAlgorithms }),
    ...(dpopAlgorithms !== null && !bearer && { dpop_bound_access_tokens_required: true }),
    ...(certificateBound && { tls_client_certificate_bound_access_tokens: true }),
    ...(name !== undefined && { resource_name: name }),
    ...(documentation !== undefined && { resource_documentation: documentation })
  }
}

function isResourceIdentifier(value: unknown): value is string {
  return isSecureEndpoint(value) && !value.includes('?') && UNESCAPED_PATH.test(new URL(value).pathname)
}
