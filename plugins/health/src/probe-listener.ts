import { declareRoutes, problemDetails } from '@sallyport/security-context'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type RouteOptions } from 'fastify'
import { OperationsListenerError } from './errors.ts'
import type { ReadHealthOptions } from './options.ts'
import type { ProcessState, Readiness } from './process-readiness.ts'

/**
 * The operations server: a separate instance, so that authentication, load shedding and closing of the main listener do
 * not affect the probes. Answers say `ok` or `unavailable` and nothing else.
 */
export function createOperations(
  options: ReadHealthOptions,
  state: ProcessState,
  readiness: Readiness,
  log: FastifyBaseLogger
): FastifyInstance {
  const operations = createOperationsServer(options, log)
  operations.addHook('onRoute', declareOpenRoute)
  void operations.register(problemDetails)
  void operations.register(async function probes(operations) {
    operations.get('/health/live', async function live(_request, reply) {
      return answerProbe(reply, true)
    })
    operations.get('/health/startup', async function startup(_request, reply) {
      return answerProbe(reply, state.started)
    })
    operations.get('/health/ready', async function ready(_request, reply) {
      return answerProbe(reply, await readiness.isReady())
    })
  })
  return operations
}

/**
 * Nothing here is authenticated, and routes say so for the sake of a scope that is: an app may add one with routes for
 * operators, and what is in it has to declare itself.
 */
function declareOpenRoute(this: FastifyInstance, { method, url }: Pick<RouteOptions, 'method' | 'url'>): void {
  if (this.hasRequestDecorator('principal')) return
  const routes = [method].flat().flatMap(name => (name === 'HEAD' ? [] : [`${name} ${url}`]))
  if (routes.length > 0) declareRoutes(this, { routes, config: { access: 'public', audit: 'none' } })
}

function createOperationsServer({ listener }: ReadHealthOptions, log: FastifyBaseLogger): FastifyInstance {
  // Probes would fill the log: only errors of this listener are logged.
  const common = {
    loggerInstance: log.child({}, { level: 'warn' }),
    bodyLimit: 1024,
    requestTimeout: 10_000,
    forceCloseConnections: true as const,
    // What operators send is taken as it is.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } as const
  }
  // A server with https has a different type; callers use what both have.
  return listener?.https === undefined
    ? Fastify(common)
    : (Fastify({ ...common, https: listener.https }) as unknown as FastifyInstance)
}

function answerProbe(reply: FastifyReply, ok: boolean): FastifyReply {
  return reply
    .code(ok ? 200 : 503)
    .header('cache-control', 'no-store')
    .send({ status: ok ? 'ok' : 'unavailable' })
}

/**
 * Starts listening, or only makes the routes ready when no listener is configured.
 * @throws {OperationsListenerError} `SALLYPORT_HEALTH_LISTENER`, for example when the port is taken
 */
export async function listenForOperators(operations: FastifyInstance, { listener }: ReadHealthOptions): Promise<void> {
  await operations.ready()
  if (listener === undefined) return
  const { host, port } = listener
  try {
    await operations.listen({ host, port })
  } catch (cause) {
    const why =
      cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE' ? 'the port is taken' : String(cause)
    throw Object.assign(new OperationsListenerError(`${host}:${port}`, why), { cause })
  }
}
