import { parseArgs } from 'node:util'
import { LauncherError } from '../launcher-error.ts'
import { parseOptions } from '../options.ts'
import { PROMETHEUS_PORT } from './start-prometheus.ts'

/** The options of `npm run observe`. */
export interface ObserveOptions {
  /** Absolute path of the folder of the stack. */
  readonly directory: string
  /** Port of Prometheus. */
  readonly port: number
  /** By how much the times of rules are shortened. */
  readonly speed: number
  /** Prints variables for a shell, and starts nothing. */
  readonly variables: boolean
  readonly help: boolean
}

/** The text of `--help`. */
export const OBSERVE_HELP = `Starts Prometheus beside the running stack, with the rules of deploy/observability.

  npm run observe -- [options]

  --port N          port of Prometheus (default ${PROMETHEUS_PORT})
  --speed N         shortens the times of rules: with 60 an hour is a minute, and alerts fire while you watch
  --directory DIR   folder of the stack (default .sallyport)
  --variables       prints the variables of docs/runbooks for a shell, and starts nothing
  --help            this text
`

/** @throws {LauncherError} for an option that does not exist or a number that cannot be */
export function parseObserveOptions(args: readonly string[]): ObserveOptions {
  const { values } = parseObserveArguments(args)
  const port = Number(values.port ?? PROMETHEUS_PORT)
  const speed = Number(values.speed ?? '1')
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new LauncherError(`--port has to be a number from 1 to 65535, not "${values.port}"`)
  }
  if (!Number.isInteger(speed) || speed < 1 || speed > 300) {
    throw new LauncherError(`--speed has to be a number from 1 to 300, not "${values.speed}"`)
  }
  const { directory } = parseOptions(values.directory === undefined ? [] : ['--directory', values.directory])
  return { directory, port, speed, variables: values.variables ?? false, help: values.help ?? false }
}

function parseObserveArguments(args: readonly string[]): {
  values: { port?: string; speed?: string; directory?: string; variables?: boolean; help?: boolean }
} {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        speed: { type: 'string' },
        directory: { type: 'string' },
        variables: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' }
      }
    })
  } catch (error) {
    throw new LauncherError(`${(error as Error).message.split('. ')[0]} (npm run observe -- --help lists the options)`)
  }
}
