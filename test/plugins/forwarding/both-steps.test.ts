import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { startBothSteps } from '../../support/forwarding/compare-steps.ts'
import { wireCases } from '../../support/forwarding/wire-cases.ts'

t.test('the same bytes mean the same to a service, and back, whichever way an app forwards them', async t => {
  const run = await startBothSteps(t)
  let forwarded = 0
  let refused = 0
  await fc.assert(
    fc.asyncProperty(wireCases, async wire => {
      const { lean, ordinary } = await run(wire)
      if (lean.requests.length > 0) forwarded++
      else refused++
      deepStrictEqual(lean, ordinary)
    }),
    // The sweep is a soak: `npm run soak -- both-steps`.
    { numRuns: 200, seed: 20261126, endOnFailure: true }
  )
  t.ok(forwarded > 20 && refused > 20, `${forwarded} forwarded, ${refused} refused`)
})
