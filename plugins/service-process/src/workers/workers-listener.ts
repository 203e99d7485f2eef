import { serverTls, type TlsMaterial } from '@sallyport/secure-transport'
import { isLoopback } from '@sallyport/security-context/mechanics'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { mergeMetrics, writeMetrics, type MetricSnapshot } from './merge-metrics.ts'
import type { WorkerCrew } from './worker-crew.ts'
import type { OperatorQuestion } from './worker-messages.ts'

const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8'

/** What operators learn of a crew. */
export type CrewForOperators = Pick<WorkerCrew, 'wanted' | 'restarts' | 'ready' | 'all' | 'totals'>

/** What the listener of a supervisor answers with. */
export interface WorkersListenerParts {
  readonly name: string
  readonly crew: CrewForOperators
  readonly log: FastifyBaseLogger
  /** For a listener that other machines reach. */
  readonly tls: TlsMaterial | null
  readonly host: string
  /** Whether it is told to end: then it is not ready. */
  readonly isEnding: () => boolean
}

/**
 * The one operations listener of several workers. Metrics are added up, readiness is that of half of the workers,
 * rounded up; everything else is asked of one worker, and what changes something of all.
 */
export function createWorkersListener(parts: WorkersListenerParts): FastifyInstance {
  const { crew, log, tls, host } = parts
  const common = { loggerInstance: log.child({ listener: 'operations' }, { level: 'warn' }), bodyLimit: 1024 }
  const forced = { ...common, forceCloseConnections: true as const, requestTimeout: 10_000 }
  // A server with https has a different type; what is used here both have.
  const app =
    tls === null || isLoopback(host)
      ? Fastify(forced)
      : (Fastify({ ...forced, https: serverTls(tls) }) as unknown as FastifyInstance)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body)
  })
  let hasStarted = false
  const isStarted = (): boolean => {
    hasStarted ||= crew.ready().length >= crew.wanted
    return hasStarted
  }
  app.get('/health/live', async (_request, reply) => answerWorkersProbe(reply, true))
  app.get('/health/startup', async (_request, reply) => answerWorkersProbe(reply, isStarted()))
  app.get('/health/ready', async (_request, reply) =>
    answerWorkersProbe(reply, !parts.isEnding() && (await isReady(crew)))
  )
  app.get('/metrics', async (_request, reply) => reply.type(PROMETHEUS_TEXT).send(await allMetrics(parts)))
  // What the operations routes of a worker are: another method must not arrive there as one of these.
  app.route({
    method: ['GET', 'HEAD', 'POST', 'PUT'],
    url: '/*',
    exposeHeadRoute: false,
    handler: async (request, reply) => await passToWorkers(crew, request, reply)
  })
  return app
}

function answerWorkersProbe(reply: FastifyReply, ok: boolean): FastifyReply {
  return reply
    .code(ok ? 200 : 503)
    .header('cache-control', 'no-store')
    .send({ status: ok ? 'ok' : 'unavailable' })
}

/** One worker that is replaced, or has died, leaves the others enough to do. */
async function isReady(crew: CrewForOperators): Promise<boolean> {
  const probe = { method: 'GET', url: '/health/ready', headers: {}, body: null }
  const answers = await Promise.all(crew.ready().map(async worker => await worker.ask(probe)))
  return answers.filter(answer => answer?.status === 200).length >= Math.ceil(crew.wanted / 2)
}

async function allMetrics({ name, crew }: WorkersListenerParts): Promise<string> {
  await Promise.all(
    crew.all().map(async worker => {
      const metrics = await worker.readMetrics()
      if (metrics !== null) crew.totals.note(worker.id, metrics)
    })
  )
  return writeMetrics(mergeMetrics([crew.totals.all(), crewMetrics(name, crew)]))
}

function crewMetrics(name: string, crew: CrewForOperators): MetricSnapshot[] {
  const labels = { process: name }
  return [
    {
      name: 'sallyport_workers',
      help: 'Workers of this process: those that there are to be, and those that listen',
      type: 'gauge',
      values: [
        { labels: { state: 'wanted', ...labels }, value: crew.wanted },
        { labels: { state: 'ready', ...labels }, value: crew.ready().length }
      ]
    },
    {
      name: 'sallyport_worker_restarts_total',
      help: 'Workers that ended by themselves and were started again',
      type: 'counter',
      values: [{ labels, value: crew.restarts }]
    }
  ]
}

async function passToWorkers(
  crew: CrewForOperators,
  request: FastifyRequest,
  reply: FastifyReply
): Promise<FastifyReply> {
  const { method, url, body, headers } = request
  const { authorization, 'content-type': type } = headers
  const question: OperatorQuestion = {
    method,
    url,
    headers: {
      ...(authorization !== undefined && { authorization }),
      ...(type !== undefined && { 'content-type': type })
    },
    body: typeof body === 'string' ? body : null
  }
  const isRead = method === 'GET' || method === 'HEAD'
  const asked = isRead ? crew.ready().slice(0, 1) : crew.ready()
  const answers = await Promise.all(asked.map(async worker => await worker.ask(question)))
  // Where they differ, the one that refused says more.
  const known = answers.filter(answer => answer !== null)
  const answer = known.find(({ status }) => status >= 400) ?? known[0]
  if (answer === undefined || known.length < asked.length) return answerWorkersProbe(reply, false)
  return reply.code(answer.status).headers(answer.headers).send(answer.body)
}
