import type { ServiceCollaborators } from '@sallyport/service-kit'
import * as deliveryService from '@sallyport/delivery-service'
import * as orderService from '@sallyport/order-service'
import * as restaurantService from '@sallyport/restaurant-service'
import type { Test } from 'tap'
import { SETTINGS, startService, type TestService } from './services.ts'

/** What one service of a stack has of its own. */
export interface StackPart {
  readonly collaborators?: Partial<ServiceCollaborators>
  /** The URL under which the service reaches its database. */
  readonly through?: (url: string) => Promise<string>
}

/** The three services as they call each other over the network, each on a database of its own. */
export async function startStack(
  t: Test,
  parts: { readonly orders?: StackPart; readonly restaurants?: StackPart } = {}
): Promise<{
  orders: TestService
  restaurants: TestService
  deliveries: TestService
  restaurantServiceOrigin: string
}> {
  const { orders: ofOrders = {}, restaurants: ofRestaurants = {} } = parts
  const deliveries = await startService(t, deliveryService, SETTINGS)
  const deliveryServiceOrigin = await deliveries.app.listen({ host: '127.0.0.1', port: 0 })
  const restaurants = await startService(
    t,
    restaurantService,
    { ...SETTINGS, deliveryServiceOrigin },
    ofRestaurants.collaborators,
    ofRestaurants.through
  )
  const restaurantServiceOrigin = await restaurants.app.listen({ host: '127.0.0.1', port: 0 })
  const orders = await startService(
    t,
    orderService,
    { ...SETTINGS, restaurantServiceOrigin },
    ofOrders.collaborators,
    ofOrders.through
  )
  return { orders, restaurants, deliveries, restaurantServiceOrigin }
}
