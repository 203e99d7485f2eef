import type { ServiceDescriptor } from '@sallyport/service-kit/descriptor'

/** What a deployment has to know about sample-item-service. */
export const descriptor: ServiceDescriptor = {
  name: 'sample-item-service',
  port: 8099,
  scopes: [{ name: 'sample-items:write', description: 'Write sample items' }],
  calls: { audiences: [], scopes: [] }
}
