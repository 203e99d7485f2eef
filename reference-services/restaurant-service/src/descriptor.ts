import type { ServiceDescriptor } from '@sallyport/service-kit/descriptor'

/** What a deployment has to know about restaurant-service. */
export const descriptor: ServiceDescriptor = {
  name: 'restaurant-service',
  port: 8083,
  scopes: [
    { name: 'restaurants:read', description: 'Read restaurants and menus' },
    { name: 'restaurants:write', description: 'Change restaurants and menus' },
    // What a customer may write goes with the calls that follow from it.
    { name: 'orders:write' },
    // For recovery, which has no caller: of no client that acts for users.
    { name: 'tickets:recover' }
  ],
  calls: {
    audiences: ['delivery-service', 'configuration-server'],
    scopes: ['deliveries:read', 'deliveries:write', 'deliveries:recover', 'config:read']
  }
}
