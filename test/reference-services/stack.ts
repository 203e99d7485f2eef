import * as deliveryService from '@sallyport/delivery-service'
import * as orderService from '@sallyport/order-service'
import * as restaurantService from '@sallyport/restaurant-service'
import type { Test } from 'tap'
import { SETTINGS, startService, type TestService } from './support.ts'

/** The three services, each listening on loopback and calling the next. */
export async function startStack (t: Test): Promise<{ orders: TestService, restaurants: TestService, deliveries: TestService }> {
  const deliveries = await startService(t, deliveryService, SETTINGS)
  const deliveryServiceOrigin = await deliveries.app.listen({ host: '127.0.0.1', port: 0 })
  const restaurants = await startService(t, restaurantService, { ...SETTINGS, deliveryServiceOrigin })
  const restaurantServiceOrigin = await restaurants.app.listen({ host: '127.0.0.1', port: 0 })
  const orders = await startService(t, orderService, { ...SETTINGS, restaurantServiceOrigin })
  return { orders, restaurants, deliveries }
}
