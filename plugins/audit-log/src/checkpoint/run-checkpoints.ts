import type { FastifyBaseLogger } from 'fastify'
import type { ReadAuditLogOptions } from '../options.ts'
import { checkpointKeys } from './checkpoint-options.ts'
import { makeCheckpoint, type MadeCheckpoint } from './make-checkpoint.ts'
import { createTrailVerifier, type TrailVerifier, type VerifierState } from './trail-verifier.ts'

/** What is known of checkpoints and verification, for readiness and metrics. */
export interface CheckpointState {
  /** How long no run has succeeded, in ms. */
  readonly silentForMs: number
  /** Rows under the last checkpoint that this process knows. */
  readonly size: number
  /** `null` where nothing is verified here. */
  readonly verifier: VerifierState | null
}

/** Makes checkpoints and verifies the trail while the app runs. */
export interface CheckpointTask {
  readonly start: () => void
  /** Makes one now. */
  readonly checkpoint: () => Promise<MadeCheckpoint | null>
  readonly state: () => CheckpointState
  /** Rejects when the trail does not verify and that is to make the process not ready. */
  readonly check: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Makes the task; `null` where no checkpoints are asked for. */
export function createCheckpointTask(options: ReadAuditLogOptions, log: FastifyBaseLogger): CheckpointTask | null {
  const { checkpoints, db, schedule, writeTimeoutMs, monotonicClock } = options
  if (checkpoints === false || db === undefined) return null
  const keys = checkpointKeys(checkpoints)
  const { anchors, intervalMs, verifier: verification } = checkpoints
  const timers: { stop: () => void }[] = []
  let [succeededAt, size] = [monotonicClock(), 0]
  let isVerified: boolean | null = null
  let last: Promise<unknown> = Promise.resolve()
  const verifier = verification === false ? null : openVerifier()

  function openVerifier(): TrailVerifier | null {
    if (verification === false || db === undefined) return null
    return createTrailVerifier({
      db,
      keys,
      anchors,
      rowsPerStep: verification.rows,
      placeFile: verification.placeFile,
      monotonicClock,
      onPass: pass => {
        // The same good news again and again is for whoever looks for it.
        if (pass.problem !== null) log.error(pass, 'the audit trail does not verify')
        else if (isVerified === true) log.debug(pass, 'the audit trail verifies')
        else log.info(pass, 'the audit trail verifies')
        isVerified = pass.problem === null
      },
      onAnchor: ({ name }, error) => {
        const said = 'an anchor does not answer: the audit trail is verified without what it has'
        if (error === null) log.info({ anchor: name }, 'an anchor of the audit trail answers again')
        else log.error({ err: error, anchor: name }, said)
      },
      onError: error => {
        log.error({ err: error }, 'a step of the verification of the audit trail failed')
      }
    })
  }

  async function makeOne(): Promise<MadeCheckpoint | null> {
    if (db === undefined) return null
    const made = await makeCheckpoint({
      db,
      keys,
      anchors,
      timeoutMs: writeTimeoutMs,
      onAnchorError: (anchor, error) => {
        log.error({ err: error, anchor: anchor.name }, 'an anchor does not keep checkpoints of the audit trail')
      }
    })
    succeededAt = monotonicClock()
    if (made === null) return null
    size = made.size
    log.info({ checkpoint: made.note, anchored: made.anchored }, 'checkpoint of the audit trail')
    return made
  }

  /** One run after the other. */
  function checkpoint(): Promise<MadeCheckpoint | null> {
    const next = last.then(makeOne, makeOne)
    last = next.catch(() => {})
    return next
  }

  return {
    start: () => {
      const run = async (): Promise<void> => {
        await checkpoint().catch((error: unknown) => {
          log.error({ err: error }, 'no checkpoint of the audit trail could be made')
        })
      }
      timers.push(schedule(run, intervalMs))
      if (verifier !== null && verification !== false) timers.push(schedule(verifier.step, verification.intervalMs))
    },
    checkpoint,
    state: () => ({ silentForMs: monotonicClock() - succeededAt, size, verifier: verifier?.state() ?? null }),
    check: async () => {
      const problem = verifier?.state().problem ?? null
      if (problem === null || verification === false || !verification.readiness) return
      throw new Error(`the audit trail does not verify: ${problem}`)
    },
    close: async () => {
      for (const timer of timers) timer.stop()
      await last
    }
  }
}
