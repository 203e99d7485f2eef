import { serviceSettings } from '@sallyport/chassis'
import type { DeepReadonly } from '@sallyport/configuration'
import Type, { type Static } from 'typebox'

/** The settings of order-service: those of every service, and where restaurant-service is. */
export const settingsSchema = Type.Object({
  ...serviceSettings({ port: 8082, operationsPort: 8182 }),
  restaurantServiceOrigin: Type.String({ format: 'secure-origin', default: 'https://restaurant-service.sallyport.internal:8083' })
}, { additionalProperties: false })

/** The settings as values. */
export type OrderServiceSettings = DeepReadonly<Static<typeof settingsSchema>>
