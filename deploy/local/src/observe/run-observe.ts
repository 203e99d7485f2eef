import '@sallyport/service-process/require-node'
// npm run observe: Prometheus beside the running stack.
import { LauncherError } from '../launcher-error.ts'
import { observeStack } from './observe.ts'
import { OBSERVE_HELP, parseObserveOptions } from './observe-options.ts'

const stopObserving = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopObserving.abort())

try {
  const options = parseObserveOptions(process.argv.slice(2))
  if (options.help) console.log(OBSERVE_HELP)
  else await observeStack(options, console.log, stopObserving.signal)
} catch (error) {
  if (!(error instanceof LauncherError)) throw error
  console.error(`npm run observe: ${error.message}`)
  process.exitCode = 1
}
