import { problemDetails } from '@sallyport/security-context'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply } from 'fastify'
import { OperationsListenerError } from './errors.ts'
import type { ReadHealthOptions } from './options.ts'
import { createCheckRunner } from './run-checks.ts'

/** Where the process stands; the main instance's hooks move it on. */
export interface ProcessState {
  /** The main listener listens. */
  started: boolean
  /** Shutting down: what is under way is finished, nothing new should come. */
  draining: boolean
}

/**
 * The operations server: an instance of its own, so that neither the main listener's authentication nor its load
 * shedding nor its closing reaches the probes. Answers say `ok` or `unavailable`, and nothing more to anybody.
 */
export function createOperations(
  options: ReadHealthOptions,
  state: ProcessState,
  log: FastifyBaseLogger
): FastifyInstance {
  const operations = createServer(options, log)
  const runChecks = createCheckRunner(options.checks, options.checkTimeoutMs)
  let failing = ''

  async function isReady(): Promise<boolean> {
    if (!state.started || state.draining) return false
    const failures = await runChecks()
    const names = [...failures.keys()].join(', ')
    if (names !== failing) logChange(log, failures, names)
    failing = names
    // Closing may have begun while the checks ran.
    return failures.size === 0 && !state.draining
  }

  void operations.register(problemDetails)
  void operations.register(async function probes(operations) {
    operations.get('/health/live', async function live(_request, reply) {
      return answer(reply, true)
    })
    operations.get('/health/startup', async function startup(_request, reply) {
      return answer(reply, state.started)
    })
    operations.get('/health/ready', async function ready(_request, reply) {
      return answer(reply, await isReady())
    })
  })
  return operations
}

function createServer({ listener }: ReadHealthOptions, log: FastifyBaseLogger): FastifyInstance {
  // Probes would fill the log: only what goes wrong on this listener is a line.
  const common = {
    loggerInstance: log.child({}, { level: 'warn' }),
    bodyLimit: 1024,
    requestTimeout: 10_000,
    forceCloseConnections: true as const
  }
  // A server with https has another type than one without; callers use what both have.
  return listener?.https === undefined
    ? Fastify(common)
    : (Fastify({ ...common, https: listener.https }) as unknown as FastifyInstance)
}

function answer(reply: FastifyReply, ok: boolean): FastifyReply {
  return reply
    .code(ok ? 200 : 503)
    .header('cache-control', 'no-store')
    .send({ status: ok ? 'ok' : 'unavailable' })
}

/** Probes come every few seconds: only a change is worth a line. */
function logChange(log: FastifyBaseLogger, failures: ReadonlyMap<string, unknown>, names: string): void {
  if (failures.size === 0) log.info('ready again')
  else for (const [check, err] of failures) log.warn({ check, err }, `not ready: ${names}`)
}

/**
 * Starts listening, or only makes the routes ready when no listener is configured.
 * @throws {OperationsListenerError} `SALLYPORT_HEALTH_LISTENER`, for example when the port is taken
 */
export async function listen(operations: FastifyInstance, { listener }: ReadHealthOptions): Promise<void> {
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
