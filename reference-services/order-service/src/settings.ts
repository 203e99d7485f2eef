import { configurationServerSettings, recoverySettings, serviceSettings } from '@sallyport/service-kit'
import { descriptorPorts } from '@sallyport/service-kit/descriptor'
import type { DeepReadonly } from '@sallyport/configuration'
import Type, { type Static } from 'typebox'
import { descriptor } from './descriptor.ts'

/** The settings of order-service: those of every service, of recovery, and where restaurant-service is. */
export const settingsSchema = Type.Object(
  {
    ...serviceSettings(descriptorPorts(descriptor)),
    ...configurationServerSettings(),
    ...recoverySettings,
    orderUndoneAfterMs: Type.Integer({
      minimum: 60_000,
      maximum: 86_400_000,
      default: 900_000,
      live: true,
      pulled: true,
      description: 'Age from which an unfinished order is undone and no longer finished.'
    }),
    restaurantServiceOrigin: Type.String({
      format: 'secure-origin',
      default: 'https://restaurant-service.sallyport.internal:8083',
      description: 'Where restaurant-service is.'
    })
  },
  { additionalProperties: false }
)

/** The settings as values. */
export type OrderServiceSettings = DeepReadonly<Static<typeof settingsSchema>>
