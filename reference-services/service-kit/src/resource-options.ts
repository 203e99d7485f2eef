import type { AuthenticationOptions } from '@sallyport/authentication'
import type { ServiceSettings } from './settings.ts'

/**
 * What a service says of itself as a protected resource, and which bound tokens it takes. A proof is made for the
 * address under which clients know the service: without one, no proof can be checked.
 * @see RFC 9728, RFC 9449 §7.1, RFC 8705 §3
 */
export function resourceOptions({
  resource,
  boundTokens
}: Pick<ServiceSettings, 'resource' | 'boundTokens'>): AuthenticationOptions {
  return {
    certificateBound: boundTokens.includes('certificate'),
    ...(resource !== undefined && { resourceMetadata: { resource } }),
    ...(resource !== undefined && boundTokens.includes('dpop') && { dpop: { origin: new URL(resource).origin } })
  }
}
