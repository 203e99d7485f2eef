import '@sallyport/service-process/require-node'
// npm run walkthrough [-- --directory DIR]: every flow as a readable transcript, against the running stack of that
// folder, or against one that it starts and stops itself.
import '@sallyport/service-process/require-node'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { request } from 'undici'
import { parseOptions } from '../options.ts'
import type { Stack } from './flow.ts'
import { flows } from './flows/index.ts'
import { startOwnStack } from './own-stack.ts'
import { readStack, runFlows } from './run-flows.ts'
import { WalkthroughError } from './transcript.ts'

const running = join(parseOptions(process.argv.slice(2)).directory, 'local.json')
const own = existsSync(running) && (await answers(readStack(running))) ? null : await startOwnStack()
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

/** Whether the stack of these facts still runs: a killed launcher leaves its file behind. */
async function answers(stack: Stack): Promise<boolean> {
  try {
    const { body, statusCode } = await request(`${stack.operations['reference-gateway'] ?? ''}/health/ready`)
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}
