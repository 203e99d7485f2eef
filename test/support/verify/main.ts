// `npm run verify`: all steps of a check of the whole project, also after one has failed. The output of a step is
// printed when the step ends, and whole, because two steps run at the same time; what failed is listed at the end.
import { runLane, type EndedStep } from './run-lane.ts'
import { STAGES } from './stages.ts'

const ended: EndedStep[] = []
for (const lanes of STAGES) {
  ended.push(...(await Promise.all(lanes.map(steps => runLane(steps, console.log)))).flat())
}
for (const { name, seconds, code } of ended) {
  console.log(`${name.padEnd(20)} ${String(seconds).padStart(4)} s${code === 0 ? '' : `  FAILED (${code})`}`)
}
process.exitCode = ended.every(({ code }) => code === 0) ? 0 : 1
