import cluster from 'node:cluster'
import { withDeadline, withRetryAfter } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import { WorkersUnavailableError } from '../errors.ts'
import type { MetricSnapshot } from './merge-metrics.ts'
import { isTyped, type OperatorQuestion, type ToSupervisor, type ToWorker } from './worker-messages.ts'

const ANSWER_MS = 2000

/** What a worker has of the one supervisor that all workers share. */
export interface WorkerLink {
  /**
   * Whether nobody in any worker has used this before: asks the supervisor.
   * @throws {WorkersUnavailableError} `SALLYPORT_PROCESS_WORKERS_UNAVAILABLE`
   */
  readonly rememberOnce: (key: string, expiresAtMs: number) => Promise<boolean>
  /** Answers what operators ask, and leaves what it has counted with the supervisor at the end. */
  readonly serveOperators: (app: FastifyInstance) => void
}

let isLinked = false

/** Whether this process has a supervisor, which has the operations listener of all workers. */
export function isSupervised(): boolean {
  return isLinked
}

/**
 * Opens the link of a worker. Without its supervisor a worker ends as it does on a signal; Node would end it in the
 * middle of its requests.
 */
export function openWorkerLink(): WorkerLink {
  isLinked = true
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true
  const waiting = new Map<number, (isNew: boolean) => void>()
  let asked = 0
  process.on('message', (message: unknown) => {
    if (!isTyped(message) || message.type !== 'remembered') return
    // The supervisor runs the same code.
    const { id, isNew } = message as Extract<ToWorker, { type: 'remembered' }>
    waiting.get(id)?.(isNew)
    waiting.delete(id)
  })

  return {
    async rememberOnce(key, expiresAtMs) {
      const id = ++asked
      const { promise, resolve } = Promise.withResolvers<boolean>()
      waiting.set(id, resolve)
      try {
        if (!tellSupervisor({ type: 'remember', id, key, expiresAtMs })) throw new Error('there is no supervisor')
        return await withDeadline(promise, ANSWER_MS)
      } catch (cause) {
        throw withRetryAfter(new WorkersUnavailableError({ cause }), 1)
      } finally {
        waiting.delete(id)
      }
    },
    serveOperators(app) {
      process.on('message', (message: unknown) => {
        if (!isTyped(message)) return
        const told = message as ToWorker
        if (told.type === 'question') void answerQuestion(app, told.id, told.question)
        else if (told.type === 'read-metrics') void answerMetrics(app, told.id)
      })
      app.addHook('onClose', async function leaveCounts() {
        tellSupervisor({ type: 'goodbye', metrics: await readMetrics(app) })
      })
    }
  }
}

async function answerQuestion(
  app: FastifyInstance,
  id: number,
  { method, url, headers, body }: OperatorQuestion
): Promise<void> {
  const asked = { url, headers: { ...headers }, ...(body !== null && { payload: body }) }
  const answer = await app.operations
    .inject({ method: method === 'PUT' || method === 'POST' ? method : 'GET', ...asked })
    .then(({ statusCode: status, headers: given, body: text }) => ({
      status,
      headers: plainHeaders(given),
      body: text
    }))
    .catch(() => null)
  tellSupervisor({ type: 'answer', id, answer })
}

async function answerMetrics(app: FastifyInstance, id: number): Promise<void> {
  tellSupervisor({ type: 'metrics', id, metrics: await readMetrics(app) })
}

async function readMetrics(app: FastifyInstance): Promise<readonly MetricSnapshot[]> {
  if (!app.hasDecorator('readMetrics')) return []
  return await app
    .getDecorator<() => Promise<readonly MetricSnapshot[]>>('readMetrics')()
    .catch(() => [])
}

const PASSED_HEADERS: readonly string[] = ['content-type', 'cache-control', 'www-authenticate', 'retry-after']

function plainHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  const passed = Object.entries(headers).filter(([name]) => PASSED_HEADERS.includes(name))
  return Object.fromEntries(passed.map(([name, value]) => [name, String(value)]))
}

/** @returns whether there is somebody to tell */
function tellSupervisor(message: ToSupervisor): boolean {
  if (process.send === undefined || !process.connected) return false
  process.send(message, undefined, undefined, () => {})
  return true
}
