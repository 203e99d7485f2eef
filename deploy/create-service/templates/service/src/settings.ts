import { configurationServerSettings, serviceSettings } from '@sallyport/service-kit'
import { descriptorPorts } from '@sallyport/service-kit/descriptor'
import type { DeepReadonly } from '@sallyport/configuration'
import Type, { type Static } from 'typebox'
import { descriptor } from './descriptor.ts'

/** The settings of the service: those of every service, and where they may be pulled from. */
export const settingsSchema = Type.Object(
  { ...serviceSettings(descriptorPorts(descriptor)), ...configurationServerSettings() },
  { additionalProperties: false }
)

/** The settings as values. */
export type SampleItemServiceSettings = DeepReadonly<Static<typeof settingsSchema>>
