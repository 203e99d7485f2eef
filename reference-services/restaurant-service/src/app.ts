import {
  auditOfRecovery,
  buildService,
  callerInTransaction,
  intervalSubscriber,
  openRecovery,
  recoveryAge,
  type RecoveryTransaction,
  type ServiceCollaborators,
  type ServiceInstance
} from '@sallyport/service-kit'
import type { LiveSettings } from '@sallyport/configuration'
import type { Static } from 'typebox'
import { descriptor } from './descriptor.ts'
import { restaurantRoutes } from './routes/restaurants.ts'
import { ticketRoutes } from './routes/tickets.ts'
import type { RestaurantServiceSettings, settingsSchema } from './settings.ts'
import type { AcceptCollaborators } from './tickets/accept-ticket.ts'
import { askDeliveryService } from './tickets/ask-delivery-service.ts'
import { recoverTicket, UNFINISHED_TICKETS } from './tickets/recover-ticket.ts'

/** The name of this service: its audience, its OAuth client and its name in the audit trail. */
export const PROCESS_NAME = descriptor.name
/** The scope of recovery at delivery-service, which nobody else has. */
const DELIVERY_RECOVERY_SCOPE = 'deliveries:recover'

/**
 * Builds restaurant-service: the common path of services, its routes, and the recovery of accepted tickets without a
 * delivery.
 * @param settings serialisable values
 * @param collaborators the database, the authorization server's keys, the token client
 * @param live those of the settings that change while the service runs
 */
export async function buildApp(
  settings: RestaurantServiceSettings,
  collaborators: ServiceCollaborators,
  live?: LiveSettings<Static<typeof settingsSchema>>
): Promise<ServiceInstance> {
  const { db, recoverySchedule } = collaborators
  const recoveryAgeMs = (): number => recoveryAge(live?.current ?? settings)
  const app = await buildService({
    name: PROCESS_NAME,
    settings,
    live,
    collaborators,
    upstreams: { 'delivery-service': { origin: settings.deliveryServiceOrigin } },
    routes: async app => {
      await restaurantRoutes(app, { db })
      await ticketRoutes(app, { db, recoveryAgeMs })
    }
  })
  const deliveryRecovery = app.callAsService('delivery-service', DELIVERY_RECOVERY_SCOPE)
  const recovering = (transaction: RecoveryTransaction): AcceptCollaborators => ({
    db,
    audit: auditOfRecovery(app, PROCESS_NAME, transaction),
    openDelivery: askDeliveryService(callerInTransaction(deliveryRecovery, transaction)),
    begun: { ageMs: recoveryAgeMs(), txn: transaction.txn }
  })
  const recovery = openRecovery(app, {
    db,
    work: UNFINISHED_TICKETS,
    recover: (ticketId, transaction) => recoverTicket(recovering(transaction), ticketId),
    intervalMs: () => (live?.current ?? settings).recoveryIntervalMs,
    ...(recoverySchedule !== undefined && { schedule: recoverySchedule })
  })
  live?.subscribe(intervalSubscriber('recoveryIntervalMs', live, recovery.reschedule))
  return app
}
