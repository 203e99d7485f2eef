import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { startBothSteps } from '../support/forwarding/compare-steps.ts'
import { wireCases } from '../support/forwarding/wire-cases.ts'
import type { Soak } from './types.ts'

const CASES = 20_000

/** The same bytes through both ways of forwarding: the same meaning at the service and at the client. */
export const bothSteps: Soak = async log => {
  const ends: Array<() => unknown> = []
  const broken: string[] = []
  const seed = Date.now() % 2 ** 31
  log(`seed ${seed}`)
  let forwarded = 0
  try {
    const run = await startBothSteps({ after: end => ends.push(end) })
    for (const wire of fc.sample(wireCases, { numRuns: CASES, seed })) {
      const { lean, ordinary } = await run(wire)
      if (lean.requests.length > 0) forwarded++
      if (!isDeepStrictEqual(lean, ordinary)) broken.push(JSON.stringify({ wire, lean, ordinary }))
    }
  } finally {
    for (const end of ends) await end()
  }
  return { counts: { cases: CASES, forwarded }, broken }
}
