import type { ServiceDescriptor } from '@sallyport/service-kit/descriptor'

/** What a deployment has to know about order-service. */
export const descriptor: ServiceDescriptor = {
  name: 'order-service',
  port: 8082,
  scopes: [
    { name: 'orders:read', description: 'Read orders' },
    { name: 'orders:write', description: 'Place and change orders' },
    // It reads menus in the customer's name: its token has to carry what the next exchange may keep.
    { name: 'restaurants:read' }
  ],
  calls: {
    audiences: ['restaurant-service', 'configuration-server'],
    scopes: ['restaurants:read', 'restaurants:write', 'tickets:recover', 'config:read']
  }
}
