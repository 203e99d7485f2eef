export { buildService, mayReadAuditTrail, type ServiceDefinition } from './build-service.ts'
export type { ServiceCollaborators } from './service-collaborators.ts'
export type { ServiceInstance } from './create-instance.ts'
export { connectService } from './connect.ts'
export { configurationServerSettings } from '@sallyport/service-process'
/** How a service gets tokens for a configuration server: `configurationToken` of its program. */
export { createClientTokenSource as configurationToken } from '@sallyport/token-exchange'
export {
  recoveryAge,
  recoverySettings,
  serviceSettings,
  serviceSettingsMistakes,
  type RecoverySettings,
  type ServiceSettings
} from './settings.ts'
export { migrateService, type DomainTables, type ServiceRoles } from './migrations.ts'
export { namedMigrations } from '@sallyport/security-context/mechanics'
export { routeResource, type RouteResource } from './route-resource.ts'
export { readPage, type RowPage, type PageOrder } from './page.ts'
export { Cursor, Id, Instant, lineOfText, PageQuerySchema, ProblemSchema, type PageQuery } from './schemas.ts'
export {
  auditOfRequest,
  auditOfRecovery,
  effectAuditOfRequest,
  effectAuditOfRecovery,
  type AuditEffect,
  type RecordAudit
} from './record-audit.ts'
export { openRecovery, type Recovered, type Recovery, type RecoveryOptions } from './recovery.ts'
export { intervalSubscriber } from './interval-subscriber.ts'
export { callerInTransaction, type RecoveryTransaction } from './recovery-transaction.ts'
export {
  addBegunTxn,
  addUnfinishedWork,
  beginWork,
  dropBegunTxn,
  dropUnfinishedWork,
  type BegunWork,
  type UnfinishedWork
} from './unfinished.ts'
export * as errors from './errors.ts'
