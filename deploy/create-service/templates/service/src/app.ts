import { buildService, type ServiceCollaborators, type ServiceInstance } from '@sallyport/service-kit'
import type { LiveSettings } from '@sallyport/configuration'
import type { Static } from 'typebox'
import { descriptor } from './descriptor.ts'
import { sampleItemRoutes } from './routes/sample-items.ts'
import type { SampleItemServiceSettings, settingsSchema } from './settings.ts'

/** The name of this service: its audience, its OAuth client and its name in the audit trail. */
export const PROCESS_NAME = descriptor.name

/**
 * Builds the service: the common path of services, and its routes. It calls no other service.
 * @param settings serialisable values
 * @param collaborators the database, the authorization server's keys, the token client
 * @param live those of the settings that change while the service runs
 */
export async function buildApp(
  settings: SampleItemServiceSettings,
  collaborators: ServiceCollaborators,
  live?: LiveSettings<Static<typeof settingsSchema>>
): Promise<ServiceInstance> {
  return await buildService({
    name: PROCESS_NAME,
    settings,
    live,
    collaborators,
    upstreams: {},
    routes: app => sampleItemRoutes(app, { db: collaborators.db })
  })
}
