import type { LiveSettings } from '@sallyport/configuration'
import { scheduleByTimer, startTimer, type Schedule, type StartTimer } from '@sallyport/security-context/mechanics'
import { buildService, type ServiceCollaborators, type ServiceInstance } from '@sallyport/service-kit'
import { openChangeFeed } from './changes/change-feed.ts'
import { descriptor } from './descriptor.ts'
import { changingRoutes, inspectionRoutes } from './routes/administration-routes.ts'
import { changeRoutes } from './routes/change-routes.ts'
import { environmentRoutes } from './routes/environment-routes.ts'
import { liveSecretRing } from './secrets/secret-ring.ts'
import { usedKeysSubscriber } from './secrets/used-keys.ts'
import type { ConfigurationServerSettings } from './settings.ts'

/** The name of this service: its audience, its OAuth client and its name in the audit trail. */
export const PROCESS_NAME = descriptor.name

/** What the server works with; tests pass in their own. */
export interface ConfigurationServerCollaborators extends ServiceCollaborators {
  /** When the changes of other processes are asked for. Default: a timer. */
  readonly changeSchedule?: Schedule
  /** Heartbeats and ends of streams. */
  readonly startTimer?: StartTimer
}

/**
 * Builds configuration-server: the common path of services, the JSON of Spring Cloud Config for applications, the
 * stream of changes, and the routes of administrators. It calls no other service, and takes no setting of its own from
 * a configuration server.
 * @param settings serialisable values
 * @param live the settings of the process, where they may change; the key ring follows them
 * @param collaborators the database, the authorization server's keys, the token client
 */
export async function buildApp(
  settings: ConfigurationServerSettings,
  collaborators: ConfigurationServerCollaborators,
  live?: LiveSettings<ConfigurationServerSettings>
): Promise<ServiceInstance> {
  const { db, clock = Date.now, changeSchedule = scheduleByTimer } = collaborators
  const ring = liveSecretRing(() => (live?.current ?? settings).sealingKeys)
  live?.subscribe(usedKeysSubscriber(live, db))
  return await buildService({
    name: PROCESS_NAME,
    settings,
    live,
    collaborators,
    upstreams: {},
    routes: async app => {
      const feed = openChangeFeed({
        db,
        intervalMs: settings.changePollMs,
        schedule: changeSchedule,
        onFailure: err => app.log.warn({ err }, 'changes of configurations cannot be read')
      })
      await inspectionRoutes(app, { db, ring })
      await changingRoutes(app, { db, ring, feed })
      await environmentRoutes(app, { db, ring })
      await changeRoutes(app, { feed, startTimer: collaborators.startTimer ?? startTimer, clock }, settings)
    }
  })
}
