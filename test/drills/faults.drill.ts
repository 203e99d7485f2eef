// Every fault of `npm run drills`, once, on one stack: SALLYPORT_DRILL_SEED repeats a run.
import { randomInt } from 'node:crypto'
import t from 'tap'
import { FAULT_DRILLS, runFaultDrills } from './support/run-drills.ts'

t.setTimeout(600_000)
const seed = Number(process.env['SALLYPORT_DRILL_SEED'] ?? randomInt(2 ** 31))

t.test(`nothing is lost by any fault (seed ${seed})`, async t => {
  await runFaultDrills({
    names: Object.keys(FAULT_DRILLS),
    seed,
    isShort: true,
    log: line => t.comment(line),
    report: async (name, { saw, figures, lost, skipped }, seconds) => {
      t.comment(`${name}, ${seconds} s, clients saw ${JSON.stringify(saw)} ${JSON.stringify(figures ?? {})}`)
      if (skipped === undefined) t.same(lost, [], name)
      else t.comment(`${name} is skipped: ${skipped}`)
    }
  })
})
