import type { ServiceDescriptor } from '@sallyport/service-kit/descriptor'

/** What a deployment has to know about delivery-service. */
export const descriptor: ServiceDescriptor = {
  name: 'delivery-service',
  port: 8084,
  scopes: [
    { name: 'deliveries:read', description: 'Read deliveries' },
    { name: 'deliveries:write', description: 'Change deliveries' },
    // What a restaurant may write goes with the calls that follow from it.
    { name: 'restaurants:write' },
    // For recovery, which has no caller: of no client that acts for users.
    { name: 'deliveries:recover' }
  ],
  calls: { audiences: ['configuration-server'], scopes: ['config:read'] }
}
