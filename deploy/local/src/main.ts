import '@sallyport/service-process/require-node'
import { launch } from './launch.ts'
import { LauncherError } from './launcher-error.ts'
import { HELP, parseOptions } from './options.ts'
import { ProcessEnded } from './supervise.ts'

const stop = new AbortController()
const force = new AbortController()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (force.signal.aborted) process.exit(1)
    if (stop.signal.aborted) force.abort()
    else {
      console.log('stopping; once more forces it')
      stop.abort()
    }
  })
}

try {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) console.log(HELP)
  else {
    await launch(options, {
      environment: process.env,
      print: text => {
        console.log(text)
      },
      stop: stop.signal,
      force: force.signal
    })
  }
  process.exit(0)
} catch (error) {
  const expected = error instanceof LauncherError || error instanceof ProcessEnded
  console.error(`npm start: ${expected ? error.message : ((error as Error).stack ?? String(error))}`)
  process.exit(1)
}
