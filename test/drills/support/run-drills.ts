import { cutCommit } from './faults/cut-commit.ts'
import { databaseRestart } from './faults/database-restart.ts'
import { exhaustedPool } from './faults/exhausted-pool.ts'
import { garbageKeys } from './faults/garbage-keys.ts'
import { replicaFailover } from './faults/replica-failover.ts'
import { shiftedClock } from './faults/shifted-clock.ts'
import { slowUpstream } from './faults/slow-upstream.ts'
import { stoppedProcess } from './faults/stopped-process.ts'
import { swallowedPackets } from './faults/swallowed-packets.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { startFaultStack, type FaultStack } from './fault-stack.ts'
import type { Drill, DrillReport } from './types.ts'
import { settleClients } from './under-load.ts'

/** The drills that do a fault to the running stack, in the order in which they share it. */
export const FAULT_DRILLS: Readonly<Record<string, Drill>> = {
  'database-restart': databaseRestart,
  'replica-failover': replicaFailover,
  'swallowed-packets': swallowedPackets,
  'cut-commit': cutCommit,
  'stopped-process': stoppedProcess,
  'slow-upstream': slowUpstream,
  'exhausted-pool': exhaustedPool,
  'garbage-keys': garbageKeys,
  'shifted-clock': shiftedClock
}

/** How a run of drills is asked for. */
export interface DrillRun {
  readonly names: readonly string[]
  readonly seed: number
  readonly isShort: boolean
  readonly log: (line: string) => void
  /** Gets each report as soon as it is there. */
  readonly report: (name: string, report: DrillReport, seconds: number) => void | Promise<void>
}

/** Does drills one after the other, on one stack for all that need it. */
export async function runFaultDrills({ names, seed, isShort, log, report }: DrillRun): Promise<void> {
  let started: Promise<FaultStack> | undefined
  const stack = (): Promise<FaultStack> => (started ??= startFaultStack())
  try {
    for (const [index, [name, drill]] of Object.entries(FAULT_DRILLS).entries()) {
      if (!names.includes(name)) continue
      const startedAt = performance.now()
      const random = seededRandom(seed + index)
      const found = await drill({ random, isShort, log, stack }).catch(reportOfError)
      await report(name, found, secondsSince(startedAt))
    }
    const startedAt = performance.now()
    const settled = started === undefined ? null : await started.then(settleClients).catch(reportOfError)
    if (settled !== null) await report('what clients were told', settled, secondsSince(startedAt))
  } finally {
    await started?.then(
      faults => faults.close(),
      () => {}
    )
  }
}

function reportOfError(error: unknown): DrillReport {
  return { saw: {}, lost: [error instanceof Error ? (error.stack ?? error.message) : String(error)] }
}

const secondsSince = (startedAt: number): number => Math.round((performance.now() - startedAt) / 1000)
