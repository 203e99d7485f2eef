import '@sallyport/service-process/require-node'
import { launch } from './launch.ts'
import { LauncherError } from './launcher-error.ts'
import { LAUNCHER_HELP, parseOptions } from './options.ts'
import { ProcessEnded } from './supervise.ts'

const stopSignal = new AbortController()
const force = new AbortController()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (force.signal.aborted) process.exit(1)
    if (stopSignal.signal.aborted) force.abort()
    else {
      console.log('stopping; once more forces it')
      stopSignal.abort()
    }
  })
}

try {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) console.log(LAUNCHER_HELP)
  else {
    await launch(options, {
      environment: process.env,
      print: text => {
        console.log(text)
      },
      stop: stopSignal.signal,
      force: force.signal
    })
  }
  process.exit(0)
} catch (error) {
  const expected = error instanceof LauncherError || error instanceof ProcessEnded
  console.error(`npm start: ${expected ? error.message : ((error as Error).stack ?? String(error))}`)
  process.exit(1)
}
