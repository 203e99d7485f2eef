import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { LauncherError } from './launcher-error.ts'
import { HIGHEST_PORT_OFFSET, portRanges } from './processes.ts'

/** The options of the command line. */
export interface LauncherOptions {
  readonly portBase: number
  /** Whether the gateway itself speaks TLS. */
  readonly tls: boolean
  /** How many processes the gateway is. */
  readonly workers: number
  readonly help: boolean
  /** Absolute path of the folder that holds the database, certificates and secrets. */
  readonly directory: string
}

/** The text of `--help`. */
export const LAUNCHER_HELP = `Starts the reference deployment on this machine.

  npm start -- [options]

  --port-base N     first port; the processes listen on ${portRanges()} (default 8080)
  --tls             serve the gateway over TLS as well
  --workers N       run the gateway as N processes under a supervisor (default 1)
  --directory DIR   folder for the database, certificates and generated secrets (default .sallyport)
  --help            this text

  DATABASE_URL              a PostgreSQL server to use instead of the embedded one; its role makes databases and roles
  <PROCESS>_DATABASE_URL    the same for one process, with its database (ORDER_SERVICE_DATABASE_URL)
  LOG_LEVEL                 log level of every process (default info)
`

/** Of the eight connections that each process has to its database, a worker needs two. */
const MOST_GATEWAY_WORKERS = 4
const DEFAULT_DIRECTORY = fileURLToPath(new URL('../../../.sallyport', import.meta.url))

/** @throws {LauncherError} for an option that does not exist or a port that cannot be */
export function parseOptions(args: readonly string[]): LauncherOptions {
  const { values } = parseLauncherArguments(args)
  const portBase = Number(values['port-base'] ?? '8080')
  if (!Number.isInteger(portBase) || portBase < 1 || portBase + HIGHEST_PORT_OFFSET > 65_535) {
    throw new LauncherError(
      `--port-base has to be a number from 1 to ${65_535 - HIGHEST_PORT_OFFSET}, not "${values['port-base']}"`
    )
  }
  const workers = Number(values.workers ?? '1')
  if (!Number.isInteger(workers) || workers < 1 || workers > MOST_GATEWAY_WORKERS) {
    throw new LauncherError(`--workers has to be a number from 1 to ${MOST_GATEWAY_WORKERS}, not "${values.workers}"`)
  }
  return {
    portBase,
    workers,
    tls: values.tls ?? false,
    help: values.help ?? false,
    directory: values.directory === undefined ? DEFAULT_DIRECTORY : resolve(values.directory)
  }
}

function parseLauncherArguments(args: readonly string[]): {
  values: { 'port-base'?: string; tls?: boolean; workers?: string; help?: boolean; directory?: string }
} {
  try {
    return parseArgs({
      args: [...args],
      options: {
        'port-base': { type: 'string' },
        tls: { type: 'boolean' },
        workers: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        directory: { type: 'string' }
      }
    })
  } catch (error) {
    throw new LauncherError(`${(error as Error).message.split('. ')[0]} (npm start -- --help lists the options)`)
  }
}
