import cluster from 'node:cluster'

/** Which of several workers a process is, and how many there are. */
export interface WorkerPlace {
  /** From 1; the worker that takes the place of one that ended has its number. */
  readonly slot: number
  readonly of: number
}

/** Names the number of a worker, in the environment that its supervisor gives it. */
export const WORKER_SLOT = 'WORKER_SLOT'

/**
 * Which worker this process is; `null` for one that runs alone, and for the supervisor.
 * @param workers how many its settings say there are
 */
export function workerPlace(
  environment: Readonly<Record<string, string | undefined>>,
  workers: number
): WorkerPlace | null {
  const slot = Number(environment[WORKER_SLOT])
  return cluster.isWorker && Number.isInteger(slot) && slot > 0 ? { slot, of: workers } : null
}
