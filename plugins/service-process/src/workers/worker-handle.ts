import cluster, { type Worker } from 'node:cluster'
import { withDeadline } from '@sallyport/security-context/mechanics'
import { WorkerEndedError } from '../errors.ts'
import type { MetricSnapshot } from './merge-metrics.ts'
import {
  isTyped,
  type OperatorAnswer,
  type OperatorQuestion,
  type ToSupervisor,
  type ToWorker
} from './worker-messages.ts'

const WORKER_ANSWER_MS = 3000

/** How a worker ended. */
export interface WorkerEnd {
  readonly code: number | null
  readonly signal: string | null
  /** What it said why it did not start. */
  readonly reason: string | null
}

/** What the supervisor does with what a worker tells it. */
export interface WorkerReports {
  readonly onGoodbye: (worker: number, metrics: readonly MetricSnapshot[]) => void
  readonly remember: (key: string, expiresAtMs: number) => boolean
}

/** One worker, as its supervisor has it. */
export interface WorkerHandle {
  /** Unlike that of any other worker. */
  readonly id: number
  readonly slot: number
  readonly pid: number
  /** Its address, once it listens; rejects when it ends before. */
  readonly ready: Promise<string>
  readonly isReady: () => boolean
  readonly ended: Promise<WorkerEnd>
  readonly tell: (message: ToWorker) => void
  readonly signal: (signal: NodeJS.Signals) => void
  /** `null` when it does not answer. */
  readonly ask: (question: OperatorQuestion) => Promise<OperatorAnswer | null>
  /** Nothing when it does not answer. */
  readonly readMetrics: () => Promise<readonly MetricSnapshot[] | null>
}

/** Starts a worker with what its environment has beside that of the supervisor. */
export function startWorker(
  slot: number,
  environment: Readonly<Record<string, string>>,
  reports: WorkerReports
): WorkerHandle {
  const worker = cluster.fork({ ...environment })
  const ready = Promise.withResolvers<string>()
  const ended = Promise.withResolvers<WorkerEnd>()
  ready.promise.catch(() => {})
  const waiting = new Map<number, (message: ToSupervisor | null) => void>()
  let [reason, isReady, asked]: [string | null, boolean, number] = [null, false, 0]

  worker.on('message', (message: unknown) => {
    if (!isTyped(message)) return
    // The worker runs the same code.
    const told = message as ToSupervisor
    switch (told.type) {
      case 'ready':
        isReady = true
        ready.resolve(told.url)
        break
      case 'failed':
        reason = told.message
        break
      case 'answer':
      case 'metrics':
        waiting.get(told.id)?.(told)
        break
      case 'goodbye':
        reports.onGoodbye(worker.id, told.metrics)
        break
      case 'remember':
        tell({ type: 'remembered', id: told.id, isNew: reports.remember(told.key, told.expiresAtMs) })
        break
    }
  })
  // Without a listener the error of a fork would end the supervisor.
  worker.on('error', error => {
    reason ??= error.message
  })
  worker.once('exit', (code: number | null, signal: string | null) => {
    isReady = false
    for (const answer of waiting.values()) answer(null)
    ended.resolve({ code, signal, reason })
    ready.reject(new WorkerEndedError(reason ?? `worker ${slot} ended with ${signal ?? code}`))
  })

  function tell(message: ToWorker): void {
    // A worker that has just ended needs to be told nothing.
    if (worker.isConnected()) worker.process.send(message, () => {})
  }

  async function request(make: (id: number) => ToWorker): Promise<ToSupervisor | null> {
    if (!worker.isConnected()) return null
    const id = ++asked
    const { promise, resolve } = Promise.withResolvers<ToSupervisor | null>()
    waiting.set(id, resolve)
    tell(make(id))
    try {
      return await withDeadline(promise, WORKER_ANSWER_MS)
    } catch {
      return null
    } finally {
      waiting.delete(id)
    }
  }

  return {
    id: worker.id,
    slot,
    pid: worker.process.pid ?? 0,
    ready: ready.promise,
    isReady: () => isReady,
    ended: ended.promise,
    tell,
    signal: signal => {
      killQuietly(worker, signal)
    },
    async ask(question) {
      const answer = await request(id => ({ type: 'question', id, question }))
      return answer?.type === 'answer' ? answer.answer : null
    },
    async readMetrics() {
      const answer = await request(id => ({ type: 'read-metrics', id }))
      return answer?.type === 'metrics' ? answer.metrics : null
    }
  }
}

function killQuietly({ process: child }: Worker, signal: NodeJS.Signals): void {
  try {
    child.kill(signal)
  } catch {
    // It has ended meanwhile.
  }
}
