import auditLog, { type AuditLogOptions, type AuditRecord } from '@sallyport/audit-log'
import securityContext from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import type { Test } from 'tap'
import { clusterUrl, connect } from '../../../support/database.ts'
import { securityContextOf } from './principal.ts'

export {
  auditDatabase,
  emptyTrail,
  ROLES,
  version1Database,
  type AuditDatabase
} from '../../../support/trail-database.ts'

/** A pool that no server answers. */
export function deadPool(t: Test): Knex {
  const url = new URL(clusterUrl())
  url.port = '1'
  const db = connect(url.href)
  t.after(async () => {
    await db.destroy()
  })
  return db
}

/** An app with the audit log, whose caller is `x-test-subject`; routes are added by `routes`. */
export async function buildApp(
  t: Test,
  options: Omit<AuditLogOptions, 'process'>,
  routes: (app: FastifyInstance) => void
): Promise<FastifyInstance> {
  const app = Fastify()
  t.after(async () => {
    await app.close()
  })
  await app.register(securityContext)
  app.addHook('onRequest', async request => {
    request.principal = securityContextOf(request.headers['x-test-subject'])
  })
  await app.register(auditLog, { process: 'order-service', sealer: false, ...options })
  routes(app)
  await app.ready()
  return app
}

export async function rowsOf(
  db: Knex
): Promise<
  (Record<string, unknown> &
    Pick<AuditRecord, 'action' | 'outcome' | 'reason' | 'subject'> & { detail: Record<string, unknown> })[]
> {
  return db('audit_events').orderBy('occurred_at')
}
