import { isAddedUp, mergeMetrics, type MetricSnapshot } from './merge-metrics.ts'

/**
 * The metrics of all workers, those that have ended included: what a worker has counted stays counted, because a
 * counter that goes down looks like a restart, and what was counted before would count again.
 */
export class WorkerTotals {
  /** What each running worker said last. */
  readonly #last = new Map<number, readonly MetricSnapshot[]>()
  #ended: readonly MetricSnapshot[] = []

  /** @param worker unlike any other one before it */
  note(worker: number, metrics: readonly MetricSnapshot[]): void {
    this.#last.set(worker, metrics)
  }

  /** A worker has ended: what it said last, and what has been shown of it, is kept. */
  end(worker: number): void {
    const last = this.#last.get(worker) ?? []
    this.#last.delete(worker)
    this.#ended = mergeMetrics([this.#ended, last.filter(isAddedUp)])
  }

  /** Gauges are those of workers that run. */
  all(): MetricSnapshot[] {
    return mergeMetrics([...this.#last.values(), this.#ended])
  }
}
