import { serviceSettings } from '@sallyport/service-kit'
import type { DeepReadonly } from '@sallyport/configuration'
import Type, { type Static } from 'typebox'

/** The settings of delivery-service: those of every service. */
export const settingsSchema = Type.Object(
  serviceSettings({ port: 8084, operationsPort: 8184 }, ['restaurant-service']),
  { additionalProperties: false }
)

/** The settings as values. */
export type DeliveryServiceSettings = DeepReadonly<Static<typeof settingsSchema>>
