import type { Drill } from '../types.ts'
import { servedAgain, underLoad } from '../under-load.ts'
import { waitFor } from '../wait-for.ts'

const ROUNDS = 10
/** Statements of transactions at which somebody may not know what became of them. */
const MARKERS = ['order-service-insert', 'order-service-change-state', 'insert into "tickets"', 'audit_events'] as const
const CUTS = ['cut-after-commit', 'cut-before-commit'] as const

/** A connection is cut when its COMMIT was sent: before it arrives, or before its answer is back. */
export const cutCommit: Drill = async surroundings =>
  await underLoad(surroundings, async ({ proxy }, load) => {
    const { isShort } = surroundings
    const before = proxy.strikes()
    for (let round = 0; round < (isShort ? 1 : ROUNDS); round++) {
      for (const marker of MARKERS) {
        for (const cut of CUTS) {
          const struck = proxy.strikes()
          proxy.set(cut, marker)
          await waitFor(`a COMMIT after ${marker}`, () => proxy.strikes() > struck)
        }
      }
      await servedAgain(load)
    }
    return { figures: { 'COMMITs cut': proxy.strikes() - before } }
  })
