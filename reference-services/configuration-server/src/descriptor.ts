import type { ServiceDescriptor } from '@sallyport/service-kit/descriptor'

/**
 * What a deployment has to know about configuration-server. Its scopes exist here only: no token of the edge reads or
 * writes configuration.
 */
export const descriptor: ServiceDescriptor = {
  name: 'configuration-server',
  port: 8085,
  scopes: [{ name: 'config:read' }, { name: 'config:secrets' }, { name: 'config:write' }],
  calls: { audiences: [], scopes: [] }
}
