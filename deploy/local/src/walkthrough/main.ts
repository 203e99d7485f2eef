// npm run walkthrough [-- --directory DIR]: every flow as a readable transcript, against the running stack of that folder,
// or against one that is started for it and stopped afterwards.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseOptions } from '../options.ts'
import { flows } from './flows/index.ts'
import { startOwnStack } from './own-stack.ts'
import { readStack, runFlows } from './run-flows.ts'
import { WalkthroughError } from './transcript.ts'

const running = join(parseOptions(process.argv.slice(2)).directory, 'local.json')
const own = existsSync(running) ? null : await startOwnStack()
try {
  await runFlows(readStack(own?.localJson ?? running), flows, console.log)
  console.log(`\nAll ${flows.length} flows went as described.`)
} catch (error) {
  if (!(error instanceof WalkthroughError)) throw error
  console.error(`\nwalkthrough: ${error.message}`)
  process.exitCode = 1
} finally {
  await own?.stop()
}
