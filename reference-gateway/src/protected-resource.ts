import type { AuthenticationOptions } from '@sallyport/authentication'
import type { GatewaySettings } from './settings.ts'

/**
 * What the gateway says of itself as a protected resource, and which bound tokens it takes.
 * @see RFC 9728, RFC 9449 §7.1, RFC 8705 §3
 */
export function protectedResource({
  resource,
  boundTokens
}: Pick<GatewaySettings, 'resource' | 'boundTokens'>): AuthenticationOptions {
  return {
    certificateBound: boundTokens.includes('certificate'),
    ...(resource !== undefined && { resourceMetadata: { resource } }),
    ...(resource !== undefined && boundTokens.includes('dpop') && { dpop: { origin: new URL(resource).origin } })
  }
}
