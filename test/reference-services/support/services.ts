import type { ServiceCollaborators, ServiceInstance, ServiceRoles } from '@sallyport/service-kit'
import type { Schedule } from '@sallyport/security-context/mechanics'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Knex } from 'knex'
import type { Test } from 'tap'
import { connect, testDatabase } from '../../support/database.ts'
import { AUDIT_TRAIL_SETTINGS } from '../../support/audit-settings.ts'
import { PROCESS_SETTINGS } from '../../support/process-settings.ts'
import { createTokenAuthority } from '../../support/token-authority.ts'

export const authority = createTokenAuthority()

const ALL_SCOPES = 'orders:read orders:write restaurants:read restaurants:write deliveries:read deliveries:write'
const user = (number: number, role: string) => ({
  subject: `10000000-0000-4000-8000-00000000000${number}`,
  roles: [role]
})
/** The demo's users, with the ids that a deployment would choose. */
export const USERS = {
  customer1: user(1, 'CUSTOMER'),
  customer2: user(2, 'CUSTOMER'),
  restaurant1: user(3, 'RESTAURANT'),
  restaurant2: user(4, 'RESTAURANT'),
  courier1: user(5, 'COURIER'),
  courier2: user(6, 'COURIER'),
  admin1: user(7, 'ADMIN')
} as const
export type Username = keyof typeof USERS
export const FACTS = { users: USERS, issuer: authority.issuer }

/** The Authorization header of a demo user, with the token that the gateway would have exchanged for `audience`. */
export async function as(
  username: Username,
  audience: string,
  more: { scope?: string; roles?: string[]; actor?: string } = {}
): Promise<{ authorization: string }> {
  const { subject, roles } = USERS[username]
  const token = await authority.mint({
    subject,
    audience,
    roles: more.roles ?? roles,
    scope: more.scope ?? (username === 'admin1' ? `${ALL_SCOPES} audit:read` : ALL_SCOPES),
    act: more.actor === undefined ? { sub: 'gateway' } : { sub: more.actor, act: { sub: 'gateway' } }
  })
  return { authorization: `Bearer ${token}` }
}

export const SETTINGS = {
  ...PROCESS_SETTINGS,
  ...AUDIT_TRAIL_SETTINGS,
  issuer: authority.issuer,
  clientId: 'a-service',
  clientSecret: 'not-used-not-used-not-used-not-used',
  statusListPollMs: 1000,
  upstreamTimeoutMs: 20_000,
  trustedProxies: ['127.0.0.0/8', '::1/128'],
  forwardingCallers: ['gateway', 'order-service', 'restaurant-service'],
  recoveryAgeMs: 10_000,
  recoveryIntervalMs: 1000,
  orderUndoneAfterMs: 900_000
}

/** An app package of a service. */
interface ServicePackage<Settings> {
  readonly PROCESS_NAME: string
  readonly buildApp: (settings: Settings, collaborators: ServiceCollaborators) => Promise<ServiceInstance>
  readonly migrate: (db: Knex, roles: ServiceRoles) => Promise<void>
  readonly seedDemo: (db: Knex, facts: typeof FACTS) => Promise<void>
}

/** A schedule that runs nothing by itself. */
const never: Schedule = () => ({ stop: () => {} })

/** A running service of a test: the app, and the database as its owner sees it. */
export interface TestService {
  readonly app: ServiceInstance
  readonly owner: Knex
  /** The pool that the app works with. */
  readonly db: Knex
  /** Rows of the audit trail, oldest first. */
  audit: () => Promise<Array<Record<string, unknown> & { detail: Record<string, unknown> }>>
}

/**
 * Builds a service on a database of its own, with the demo's data and the rights of the app role.
 * @param through the URL under which the app reaches its database: that of a proxy, for example
 */
export async function startService<Settings>(
  t: Test,
  service: ServicePackage<Settings>,
  settings: Settings,
  collaborators: Partial<ServiceCollaborators> = {},
  through: (url: string) => Promise<string> = async url => url
): Promise<TestService> {
  const template = service.PROCESS_NAME
  const roles = { appRole: `test_${template}_app`, prunerRole: `test_${template}_pruner` }
  const { db: owner, url } = await testDatabase(t, template, async db => {
    for (const role of Object.values(roles)) await db.raw("create role ?? login password 'for-tests-only'", [role])
    await service.migrate(db, roles)
    await service.seedDemo(db, FACTS)
  })
  const appUrl = new URL(url)
  appUrl.username = roles.appRole
  appUrl.password = 'for-tests-only'
  const db = connect(await through(appUrl.href))
  const app = await service.buildApp(settings, {
    db,
    keys: authority.keys,
    tokenClient: authority.tokenClient(service.PROCESS_NAME),
    recoverySchedule: never,
    ...collaborators
  })
  t.after(async () => {
    await app.close()
    await db.destroy()
  })
  await app.ready()
  // Refusals of strangers are counted, and written behind the answer.
  const audit: TestService['audit'] = async () => {
    await app.sealAudit()
    return owner('audit_events').select().orderBy('transaction_id')
  }
  return { app, owner, db, audit }
}

/** A server on loopback that plays another service. */
export async function startUpstream(t: Test, routes: (app: FastifyInstance) => void): Promise<string> {
  const app = Fastify()
  routes(app)
  t.after(async () => {
    await app.close()
  })
  return app.listen({ host: '127.0.0.1', port: 0 })
}
