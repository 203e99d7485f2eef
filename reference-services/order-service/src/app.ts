import {
  auditOfRecovery,
  buildService,
  callerInTransaction,
  effectAuditOfRecovery,
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
import { askRestaurantService } from './orders/ask-restaurant-service.ts'
import { orderWritesOn } from './orders/order-writes.ts'
import { recoverOrder, type RecoverOrderCollaborators } from './orders/recover-order.ts'
import { UNFINISHED_ORDERS } from './orders/unfinished-orders.ts'
import { orderRoutes } from './routes/orders.ts'
import type { OrderServiceSettings, settingsSchema } from './settings.ts'

/** The name of this service: its audience, its OAuth client and its name in the audit trail. */
export const PROCESS_NAME = descriptor.name
/** The scope of recovery at restaurant-service, which nobody else has. */
const TICKET_RECOVERY_SCOPE = 'tickets:recover'

/**
 * Builds order-service: the common path of services, its routes, and the recovery of unfinished orders.
 * @param settings serialisable values
 * @param collaborators the database, the authorization server's keys, the token client
 * @param live those of the settings that change while the service runs
 */
export async function buildApp(
  settings: OrderServiceSettings,
  collaborators: ServiceCollaborators,
  live?: LiveSettings<Static<typeof settingsSchema>>
): Promise<ServiceInstance> {
  const { db, recoverySchedule, clock = Date.now } = collaborators
  const recoveryAgeMs = (): number => recoveryAge(live?.current ?? settings)
  const writes = orderWritesOn(db)
  const app = await buildService({
    name: PROCESS_NAME,
    settings,
    live,
    collaborators,
    upstreams: { 'restaurant-service': { origin: settings.restaurantServiceOrigin } },
    routes: app => orderRoutes(app, { db, writes, recoveryAgeMs })
  })
  const ticketRecovery = app.callAsService('restaurant-service', TICKET_RECOVERY_SCOPE)
  const recovering = (transaction: RecoveryTransaction): RecoverOrderCollaborators => ({
    db,
    writes,
    restaurants: askRestaurantService(callerInTransaction(ticketRecovery, transaction)),
    audit: auditOfRecovery(app, PROCESS_NAME, transaction),
    auditEffect: effectAuditOfRecovery(app, PROCESS_NAME, transaction),
    key: null,
    begun: { ageMs: recoveryAgeMs(), txn: transaction.txn },
    undoneAfterMs: (live?.current ?? settings).orderUndoneAfterMs,
    clock
  })
  const recovery = openRecovery(app, {
    db,
    work: UNFINISHED_ORDERS,
    recover: (orderId, transaction) => recoverOrder(recovering(transaction), orderId),
    intervalMs: () => (live?.current ?? settings).recoveryIntervalMs,
    ...(recoverySchedule !== undefined && { schedule: recoverySchedule })
  })
  live?.subscribe(intervalSubscriber('recoveryIntervalMs', live, recovery.reschedule))
  return app
}
