// npm run test:adoption: what somebody does who has the packed files and the documentation. The drills share the
// packed files, and so a process.
import { join } from 'node:path'
import { ROOT } from '../support/packages.ts'
import { runFiles } from '../support/runner/run-files.ts'

/** More than the installation may take alone. */
const DRILL_MS = 1_500_000
const DRILLS = ['nine-steps', 'packed-processes']

await runFiles(
  DRILLS.map(name => join(ROOT, 'test/adoption', `${name}.drill.ts`)),
  DRILL_MS
)
