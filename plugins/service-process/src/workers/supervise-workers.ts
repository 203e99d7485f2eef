import cluster from 'node:cluster'
import { errorCode } from '@sallyport/security-context/mechanics'
import { bootLog } from '../boot-log.ts'
import { bootFailure } from '../boot-failure.ts'
import { drainLimits, type DrainTimes } from '../drain.ts'
import { startExitWatchdog } from '../exit-watchdog.ts'
import { flushStandardLog, outliveBrokenPipes } from '../log-destination.ts'
import { loadProcessMaterial } from '../process-context.ts'
import { tellParent } from '../run-app.ts'
import type { ProcessSettings } from '../settings.ts'
import { RestartPace } from './restart-pace.ts'
import { WorkerCrew } from './worker-crew.ts'
import { createWorkersListener } from './workers-listener.ts'

/** What a supervisor runs. */
export interface SupervisedProcess {
  readonly name: string
  readonly settings: ProcessSettings
  readonly workers: number
  /** How long each step of the end of a worker may take. */
  readonly times: DrainTimes
  /** What every worker's environment has beside that of this process. */
  readonly environment: Readonly<Record<string, string>>
}

/** More workers than this in a minute, for each that there is to be, end for a reason that no restart mends. */
const MOST_ENDS_PER_WORKER = 5
const END_MARGIN_MS = 5000
const LAST_LINES_MS = 1000

/**
 * Runs several workers of one process, and nothing else: it serves nobody but operators. SIGTERM ends all workers in
 * order, SIGUSR1 replaces them one after the other, SIGHUP and SIGUSR2 go to each of them. A worker whose supervisor is
 * gone ends by itself.
 */
export async function superviseWorkers(supervised: SupervisedProcess): Promise<void> {
  const { name, settings, workers, times, environment } = supervised
  outliveBrokenPipes()
  const log = bootLog(name, settings.logLevel)
  const limits = drainLimits(times)
  const endMs = (): number => limits.drainDelayMs + limits.closeTimeoutMs + limits.releaseTimeoutMs + END_MARGIN_MS
  // Connections go to the workers in turn: each gets the same share, and one that ends in order loses none.
  cluster.schedulingPolicy = cluster.SCHED_RR
  cluster.setupPrimary({ serialization: 'advanced' })
  let isEnding = false
  const crew = new WorkerCrew({
    workers,
    environment,
    pace: new RestartPace(MOST_ENDS_PER_WORKER * workers, () => performance.now()),
    log,
    endMs,
    onGivenUp: () => {
      void end('workers end again and again', 1)
    }
  })
  const tls = await loadProcessMaterial(settings)
  const { operationsHost: host, operationsPort: port } = settings
  const listener = createWorkersListener({ name, crew, log, tls, host, isEnding: () => isEnding })

  async function end(reason: string, code: number): Promise<void> {
    if (isEnding) return
    isEnding = true
    startExitWatchdog(endMs() + END_MARGIN_MS)
    log.info({ reason, workers: crew.all().length }, 'closing')
    const ends = await crew.end()
    await listener.close()
    await flushStandardLog(LAST_LINES_MS)
    process.exit(ends.some(each => each.code !== 0) ? 1 : code)
  }

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.on(signal, () => {
      // The second one ends the delay of the workers, the third one their requests.
      if (isEnding) crew.tellAllToEnd()
      else void end(signal, 0)
    })
  }
  for (const signal of ['SIGHUP', 'SIGUSR2'] as const) {
    process.on(signal, () => {
      crew.signalAll(signal)
    })
  }
  process.on('SIGUSR1', () => {
    crew.roll().catch((err: unknown) => {
      log.error({ err }, 'the workers could not all be replaced')
    })
  })
  if (process.connected) {
    process.once('disconnect', () => {
      void end('the parent is gone', 0)
    })
  }

  try {
    await listener.listen({ host, port })
    const url = await crew.start()
    log.info({ workers, url }, 'all workers listen')
    await tellParent({ type: 'ready', name, url })
  } catch (error) {
    const message = bootFailure(error, { host, port })
    // A worker has said it already.
    if (errorCode(error) !== 'SALLYPORT_PROCESS_WORKER_ENDED') console.error(`${name}: ${message}`)
    await tellParent({ type: 'failed', name, message })
    await crew.end()
    process.exit(1)
  }
}
