import type { AuditEvent, AuditSink, RouteAccess } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { SETTABLE_LOG_LEVELS } from './log-levels.ts'

/** Options of {@link operatorRoutes}. */
export interface OperatorRoutesOptions {
  /** Who may see what is inside and change the level of the log. */
  readonly access: RouteAccess
  /**
   * Registers, in the scope of these routes, what finds out who is calling and decides `config.access`: the security
   * context, authentication and authorization. Nothing of the operations listener is open to strangers through it.
   */
  readonly protect: (scope: FastifyInstance) => Promise<void>
}

const LONGEST_CHANGE_SECONDS = 86_400
const levelChange = Type.Object(
  {
    level: Type.Enum([...SETTABLE_LOG_LEVELS]),
    forSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: LONGEST_CHANGE_SECONDS }))
  },
  { additionalProperties: false }
)

/**
 * Routes for operators on the operations listener: health by check, exceptions, settings, and the level of the log.
 * Register it after {@link operations} and after authentication.
 */
export const operatorRoutes = fastifyPlugin(
  async function operatorRoutes(fastify: FastifyInstance, { access, protect }: OperatorRoutesOptions) {
    const { logLevels, exceptions } = fastify
    const config = { access, audit: 'none' as const }
    void fastify.operations.register(
      async function forOperators(scope) {
        await protect(scope)
        scope.addHook('onRequest', function keepFromCaches(_request, reply, next) {
          void reply.header('cache-control', 'no-store')
          next()
        })
        scope.get('/health', { config }, async () => await fastify.healthReport())
        scope.get('/exceptions', { config }, async () => ({ exceptions: exceptions.groups() }))
        scope.get('/settings', { config }, async () => settingsAnswer(fastify))
        scope.get('/log-level', { config }, async () => levelAnswer(logLevels.state()))
        scope.put<{ Body: Static<typeof levelChange> }>(
          '/log-level',
          { config, schema: { body: levelChange }, onError: auditRefusal(fastify) },
          async function changeLogLevel(request) {
            const { level, forSeconds } = request.body
            const { level: from } = logLevels.state()
            // The row first: what cannot be recorded does not happen.
            await auditOperator(fastify, request, {
              outcome: 'success',
              detail: { from, to: level, forSeconds: forSeconds ?? null }
            })
            logLevels.set(level, forSeconds === undefined ? null : forSeconds * 1000)
            return levelAnswer(logLevels.state())
          }
        )
      },
      { prefix: '/operator' }
    )
  },
  { name: '@sallyport/operator-routes', fastify: '5.x', decorators: { fastify: ['operations', 'logLevels'] } }
)

/** Every setting with its origin; secrets are shown as such. Nothing in an app whose settings are not live. */
function settingsAnswer(fastify: FastifyInstance): object {
  const liveSettings = fastify.hasDecorator('liveSettings') ? fastify.liveSettings : null
  if (liveSettings === null) return { settings: [] }
  return { ...liveSettings.state(), settings: liveSettings.explain() }
}

function levelAnswer({ level, usual, untilMs }: { level: string; usual: string; untilMs: number | null }) {
  return { level, usual, until: untilMs === null ? null : new Date(untilMs).toISOString() }
}

/** Who was refused is in the trail too, as far as it is known; that nobody can write it changes no refusal. */
function auditRefusal(fastify: FastifyInstance) {
  return async function noteRefusedOperator(request: FastifyRequest, _reply: unknown, error: Error): Promise<void> {
    if (request.principal === null || !('statusCode' in error) || error.statusCode !== 403) return
    await auditOperator(fastify, request, { outcome: 'denied', reason: 'not-an-operator' }).catch((err: unknown) => {
      request.log.error({ err }, 'a refused operator is in no audit trail')
    })
  }
}

/** Into the trail of the process; where it has none, into its log, which promises less. */
async function auditOperator(
  fastify: FastifyInstance,
  { principal, id, log }: FastifyRequest,
  event: Omit<AuditEvent, 'action'>
): Promise<void> {
  const who = {
    ...(principal !== null && { subject: principal.subject }),
    ...(principal?.clientId !== undefined && principal.clientId !== null && { clientId: principal.clientId })
  }
  const row: AuditEvent = {
    action: 'log-level.change',
    resource: { type: 'process', id: 'log-level' },
    ...who,
    ...event,
    detail: { requestId: id, ...event.detail }
  }
  if (fastify.hasDecorator('auditSink')) await fastify.getDecorator<AuditSink>('auditSink').write(row)
  else log.warn({ audit: row }, 'audit event')
}
