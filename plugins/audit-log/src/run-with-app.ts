import type { FastifyInstance } from 'fastify'
import type { AuditSealer } from './audit-sealer.ts'
import type { CheckpointTask } from './checkpoint/run-checkpoints.ts'
import type { DayKeyExpiry } from './privacy/expire-day-keys.ts'
import type { TrailWriter } from './outage/trail-writer.ts'
import type { PruningTask } from './pruning/run-pruning.ts'
import type { PushTask } from './push/run-push.ts'
import type { RefusalLog } from './refusal-log.ts'

/** Actions of the rows that say how long a process ran. */
export type LifecycleAction = 'process.start' | 'process.stop'

/** What runs from the start of the app to its end. */
export function runWithApp(
  fastify: FastifyInstance,
  {
    sealer,
    refusals,
    trail,
    checkpoints,
    recordLifecycle,
    dayKeys,
    push,
    pruning
  }: {
    readonly sealer: AuditSealer | null
    readonly refusals: RefusalLog
    readonly trail: TrailWriter
    readonly checkpoints: CheckpointTask | null
    /** Writes that the process starts or stops; `null` where nobody asks for it. */
    readonly recordLifecycle: ((action: LifecycleAction) => Promise<void>) | null
    readonly dayKeys: DayKeyExpiry | null
    readonly push: PushTask | null
    readonly pruning: PruningTask | null
  }
): void {
  // Of these hooks the first one runs last: what the sealer seals at the end is pushed, as far as there is time.
  fastify.addHook('onClose', async function stopPush() {
    await pruning?.close()
    await push?.close()
  })
  fastify.addHook('onClose', async function stopCheckpoints() {
    dayKeys?.close()
    await checkpoints?.close()
  })
  if (sealer !== null) {
    fastify.addHook('onReady', function startSealer(next) {
      sealer.start()
      next()
    })
    fastify.addHook('onClose', async function stopSealer() {
      await sealer.close()
    })
  }
  fastify.addHook('onReady', function startWriting(next) {
    trail.start()
    refusals.start()
    checkpoints?.start()
    dayKeys?.start()
    push?.start()
    pruning?.start()
    next()
  })
  let hasStarted = false
  if (recordLifecycle !== null) {
    fastify.addHook('onListen', async function recordStart() {
      hasStarted = true
      await recordLifecycle('process.start')
    })
  }
  // This hook is added after the sealer's and so runs before it: what it writes is sealed too.
  fastify.addHook('onClose', async function writeRest() {
    if (hasStarted) await recordLifecycle?.('process.stop')
    await refusals.close()
    await trail.close()
  })
}
