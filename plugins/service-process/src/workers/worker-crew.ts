import type { FastifyBaseLogger } from 'fastify'
import { RememberedOnce } from './remembered-once.ts'
import type { RestartPace } from './restart-pace.ts'
import { startWorker, type WorkerEnd, type WorkerHandle } from './worker-handle.ts'
import { WORKER_SLOT } from './worker-place.ts'
import { WorkerTotals } from './worker-totals.ts'

/** Enough for every proof of a minute. */
const MOST_USED_ONCE = 200_000

/** What a crew is made of. */
export interface CrewParts {
  readonly workers: number
  /** What every worker's environment has beside that of the supervisor. */
  readonly environment: Readonly<Record<string, string>>
  readonly pace: RestartPace
  readonly log: FastifyBaseLogger
  /** How long a worker that was told to end may take, in ms. */
  readonly endMs: () => number
  /** Told when workers end again and again, so that starting them is of no use. */
  readonly onGivenUp: () => void
}

/** The workers of a supervisor: as many as there are to be, whatever happens to each of them. */
export class WorkerCrew {
  readonly totals = new WorkerTotals()
  restarts = 0
  readonly #parts: CrewParts
  readonly #running = new Map<number, WorkerHandle>()
  readonly #remembered = new RememberedOnce(MOST_USED_ONCE, Date.now)
  readonly #retiring = new Set<WorkerHandle>()
  #rolling: Promise<void> | null = null
  #isEnding = false

  constructor(parts: CrewParts) {
    this.#parts = parts
  }

  get wanted(): number {
    return this.#parts.workers
  }

  /** Those that listen, by number. */
  ready(): WorkerHandle[] {
    return this.all().filter(worker => worker.isReady())
  }

  all(): WorkerHandle[] {
    return [...this.#running.values()].toSorted((one, other) => one.slot - other.slot)
  }

  /**
   * Starts one worker, and then the others together: a mistake of the configuration is said once.
   * @returns the address of the first one
   */
  async start(): Promise<string> {
    const url = await this.#begin(1).ready
    const others = Array.from({ length: this.wanted - 1 }, (_each, at) => this.#begin(at + 2).ready)
    await Promise.all(others)
    return url
  }

  /** Replaces all workers, one after the other: each ends in order while the others take the connections. */
  async roll(): Promise<void> {
    this.#rolling ??= this.#rollAll().finally(() => {
      this.#rolling = null
    })
    await this.#rolling
  }

  /** Tells every worker to end; resolves when none is left, with how they ended. */
  async end(): Promise<WorkerEnd[]> {
    this.#isEnding = true
    const all = this.all()
    this.tellAllToEnd()
    return await Promise.all(all.map(({ ended }) => ended))
  }

  /** What it means to a worker that ends already is what a second signal means to a process. */
  tellAllToEnd(): void {
    for (const worker of this.all()) worker.tell({ type: 'end' })
  }

  signalAll(signal: NodeJS.Signals): void {
    for (const worker of this.all()) worker.signal(signal)
  }

  #begin(slot: number): WorkerHandle {
    const { environment, log } = this.#parts
    const worker = startWorker(
      slot,
      { ...environment, [WORKER_SLOT]: String(slot) },
      {
        onGoodbye: (id, metrics) => {
          this.totals.note(id, metrics)
        },
        remember: (key, expiresAtMs) => this.#remembered.record(key, expiresAtMs)
      }
    )
    this.#running.set(slot, worker)
    log.info({ worker: slot, pid: worker.pid }, 'worker started')
    void worker.ended.then(end => {
      this.#takeEnd(worker, end)
    })
    return worker
  }

  #takeEnd(worker: WorkerHandle, end: WorkerEnd): void {
    const { log, pace, onGivenUp } = this.#parts
    const { slot } = worker
    this.totals.end(worker.id)
    const isOwn = this.#retiring.delete(worker)
    if (this.#running.get(slot) === worker) this.#running.delete(slot)
    if (isOwn || this.#isEnding) return
    const pauseMs = pace.pauseAfterEnd()
    log.error({ worker: slot, ...end, pauseMs }, 'a worker ended by itself')
    if (pauseMs === null) {
      onGivenUp()
      return
    }
    this.restarts++
    setTimeout(() => {
      if (!this.#isEnding && !this.#running.has(slot)) this.#begin(slot)
    }, pauseMs)
  }

  async #rollAll(): Promise<void> {
    const { log } = this.#parts
    log.info('the workers are replaced one after the other')
    for (const worker of this.all()) {
      if (this.#isEnding) return
      await this.#replace(worker)
    }
    log.info('all workers are new')
  }

  /**
   * The old one first: what each worker has of its own, a folder or connections to the database, is there for as many
   * workers as there are.
   */
  async #replace(worker: WorkerHandle): Promise<void> {
    const { log, endMs } = this.#parts
    if (this.#running.get(worker.slot) !== worker) return
    this.#retiring.add(worker)
    worker.tell({ type: 'retire' })
    const late = setTimeout(() => {
      log.error({ worker: worker.slot }, 'a worker does not end and is killed')
      worker.signal('SIGKILL')
    }, endMs())
    await worker.ended
    clearTimeout(late)
    if (this.#isEnding) return
    await this.#begin(worker.slot).ready
  }
}
