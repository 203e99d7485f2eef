import { buildService, type ServiceCollaborators, type ServiceInstance } from '@sallyport/chassis'
import { orderRoutes } from './routes/orders.ts'
import type { OrderServiceSettings } from './settings.ts'

/** The name of this service: its audience, its OAuth client and its name in the audit trail. */
export const NAME = 'order-service'

/**
 * Builds order-service: the path that all services share, and its routes.
 * @param settings serialisable values
 * @param collaborators the database, the authorization server's keys, the token client
 */
export async function buildApp (settings: OrderServiceSettings, collaborators: ServiceCollaborators): Promise<ServiceInstance> {
  return buildService({
    name: NAME,
    settings,
    collaborators,
    upstreams: { 'restaurant-service': { origin: settings.restaurantServiceOrigin } },
    routes: app => orderRoutes(app, { db: collaborators.db })
  })
}
