import { buildService, type ServiceCollaborators, type ServiceInstance } from '@sallyport/chassis'
import { restaurantRoutes } from './routes/restaurants.ts'
import { ticketRoutes } from './routes/tickets.ts'
import type { RestaurantServiceSettings } from './settings.ts'

/** The name of this service: its audience, its OAuth client and its name in the audit trail. */
export const NAME = 'restaurant-service'

/**
 * Builds restaurant-service: the path that all services share, and its routes.
 * @param settings serialisable values
 * @param collaborators the database, the authorization server's keys, the token client
 */
export async function buildApp (settings: RestaurantServiceSettings, collaborators: ServiceCollaborators): Promise<ServiceInstance> {
  const { db } = collaborators
  return buildService({
    name: NAME,
    settings,
    collaborators,
    upstreams: { 'delivery-service': { origin: settings.deliveryServiceOrigin } },
    routes: async app => {
      await restaurantRoutes(app, { db })
      await ticketRoutes(app, { db })
    }
  })
}
