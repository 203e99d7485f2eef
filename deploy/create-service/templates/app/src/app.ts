import auditLog, { type AuditLogOptions } from '@sallyport/audit-log'
import authentication from '@sallyport/authentication'
import authorization from '@sallyport/authorization'
import securityContext, { problemDetails, requirePrincipal, type KeySource } from '@sallyport/security-context'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { mayReadReport } from './policies.ts'
import type { Settings } from './settings.ts'

/** What the app works with; a test passes in its own. */
export interface Collaborators {
  /** The keys of the issuer. */
  readonly keys: KeySource
  /** Where audit rows go: `{ db }` for PostgreSQL, `{ store }` for a test. */
  readonly trail: Pick<AuditLogOptions, 'db' | 'store'>
  readonly logger?: FastifyServerOptions['logger']
}

/** Builds the app; it listens, or is asked by `inject`. */
export async function buildApp(
  { issuer, audience, profile }: Pick<Settings, 'issuer' | 'audience' | 'profile'>,
  { keys, trail, logger = false }: Collaborators
): Promise<FastifyInstance> {
  const app = Fastify({ logger })
  await app.register(securityContext)
  await app.register(problemDetails)
  // Who is calling: tokens of this issuer, for this app.
  await app.register(authentication, { issuer, audience, profile, keys })
  // What they may do: nothing, unless the route says so.
  await app.register(authorization)
  // What they did, or were refused.
  await app.register(auditLog, { process: 'sample-app', ...trail })

  const audit = { action: 'report.read', resource: { type: 'report', parameter: 'reportId' } }
  app.get<{ Params: { reportId: string } }>(
    '/reports/:reportId',
    { config: { access: mayReadReport, audit } },
    async request => ({ reportId: request.params.reportId, reader: requirePrincipal(request).subject })
  )
  app.get('/about', { config: { access: 'public', audit: 'none' } }, async () => ({ name: 'sample-app' }))
  return app
}
