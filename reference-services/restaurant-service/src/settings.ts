import { configurationServerSettings, recoverySettings, serviceSettings } from '@sallyport/service-kit'
import { descriptorPorts } from '@sallyport/service-kit/descriptor'
import type { DeepReadonly } from '@sallyport/configuration'
import Type, { type Static } from 'typebox'
import { descriptor } from './descriptor.ts'

/** The settings of restaurant-service: those of every service, of recovery, and where delivery-service is. */
export const settingsSchema = Type.Object(
  {
    ...serviceSettings(descriptorPorts(descriptor), ['order-service']),
    ...configurationServerSettings(),
    ...recoverySettings,
    deliveryServiceOrigin: Type.String({
      format: 'secure-origin',
      default: 'https://delivery-service.sallyport.internal:8084',
      description: 'Where delivery-service is.'
    })
  },
  { additionalProperties: false }
)

/** The settings as values. */
export type RestaurantServiceSettings = DeepReadonly<Static<typeof settingsSchema>>
