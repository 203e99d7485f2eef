import { parseArgs } from 'node:util'
import type { TObject } from 'typebox'
import { bootFailure } from '../boot-failure.ts'
import { runService } from '../run-service.ts'
import type { ProcessProperties } from '../settings.ts'
import { migrateDatabase } from './migrate-database.ts'
import { explainValues, printReference, printValues } from './print-settings.ts'
import { ProgramUsageError, type ProcessProgram, type ProgramCall } from './process-program.ts'

const PROGRAM_HELP = ['help', '--help', '-h']
const OPTIONS = {
  'app-role': { type: 'string' },
  'pruner-role': { type: 'string' },
  workers: { type: 'string' },
  values: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' }
} as const

/** The options of one call, after parsing. */
type ProgramOptions = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

interface ProgramCommand {
  readonly usage: string
  readonly help: string
  readonly options: ReadonlyArray<keyof typeof OPTIONS>
}

const PROGRAM_COMMANDS: Readonly<Record<'start' | 'migrate' | 'settings' | 'settings explain', ProgramCommand>> = {
  start: {
    usage: 'start [--workers <number>]',
    help: 'Serves until SIGTERM, in as many workers, where the process can.',
    options: ['workers']
  },
  migrate: {
    usage: 'migrate --app-role <role> --pruner-role <role>',
    help: 'Brings the database up to date. DATABASE_URL is that of its owner; the roles exist already.',
    options: ['app-role', 'pruner-role']
  },
  settings: {
    usage: 'settings [--values]',
    help: 'Lists the settings; --values checks them, and shows values and where they come from, without secrets.',
    options: ['values']
  },
  'settings explain': {
    usage: 'settings explain [--json]',
    help: 'Loads the settings as a start does, and shows the value, origin and marks of each, without secrets.',
    options: ['json']
  }
}

/**
 * Runs one command of a process: `start`, `migrate`, `settings`, `--help`, `--version`, or one of its own.
 * @returns the exit code: 0, 1 for a failure, 2 for a wrong call. `start` returns when the process listens.
 */
export async function runProcessProgram<Schema extends TObject<ProcessProperties>, Collaborators>(
  program: ProcessProgram<Schema, Collaborators>,
  given: ProgramCall
): Promise<number> {
  const { call, error = printError } = given
  try {
    return await runCommandOf(program, given)
  } catch (cause) {
    if (cause instanceof ProgramUsageError) {
      error(`${cause.message}\nSee: ${call} --help`)
      return 2
    }
    error(`${call}: ${bootFailure(cause, null)}`)
    return 1
  }
}

async function runCommandOf<Schema extends TObject<ProcessProperties>, Collaborators>(
  program: ProcessProgram<Schema, Collaborators>,
  { call, version, args, environment, out = printLine }: ProgramCall
): Promise<number> {
  const { definition, furtherCommands, migrate } = program
  const [name = '--help', ...rest] = joinedCommand(args)
  if (name === '--version') {
    out(version)
    return 0
  }
  if (PROGRAM_HELP.includes(name) && rest.length === 0) {
    out(helpOf(call, furtherCommands?.help))
    return 0
  }
  if (!isCommand(name)) {
    if (furtherCommands === undefined) throw new ProgramUsageError(`there is no command ${name}`)
    return await furtherCommands.run(args, environment, call)
  }
  const options = parseProgramOptions(name, rest)
  if (options.help === true) out(helpOf(call, undefined, [name]))
  else if (name === 'start') {
    await runService({ ...definition, environment: withWorkers(definition, environment, options.workers) })
  } else if (name === 'migrate') {
    await migrateDatabase(migrate, options, environment)
    out(`the database of ${definition.name} is up to date`)
  } else if (name === 'settings explain') await explainValues(definition, environment, options.json === true, out)
  else if (options.values === true) await printValues(definition, environment, out)
  else printReference(definition, out)
  return 0
}

/** The option is the setting, said at the start. */
function withWorkers<Schema extends TObject<ProcessProperties>, Collaborators>(
  { name, workers, prefix = 'SALLYPORT_' }: ProcessProgram<Schema, Collaborators>['definition'],
  environment: ProgramCall['environment'],
  given: string | undefined
): ProgramCall['environment'] {
  if (given === undefined) return environment
  if (workers === undefined) throw new ProgramUsageError(`${name} runs as one process: start it several times`)
  return { ...environment, [`${prefix}WORKERS`]: given }
}

/** A command of two words is one. */
function joinedCommand(args: readonly string[]): readonly string[] {
  const [first, second, ...rest] = args
  const both = `${first} ${second}`
  return isCommand(both) ? [both, ...rest] : args
}

function isCommand(name: string): name is keyof typeof PROGRAM_COMMANDS {
  return Object.hasOwn(PROGRAM_COMMANDS, name)
}

function parseProgramOptions(name: keyof typeof PROGRAM_COMMANDS, args: readonly string[]): ProgramOptions {
  const known = Object.entries(OPTIONS).filter(([option]) =>
    [...PROGRAM_COMMANDS[name].options, 'help'].some(o => o === option)
  )
  try {
    const options = Object.fromEntries(known) as typeof OPTIONS
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    const [mistake = ''] = String(error instanceof Error ? error.message : error).split('\n')
    throw new ProgramUsageError(mistake)
  }
}

function helpOf(
  call: string,
  more: string | undefined,
  names = Object.keys(PROGRAM_COMMANDS).filter(isCommand)
): string {
  const commands = names
    .map(name => PROGRAM_COMMANDS[name])
    .flatMap(({ usage, help }) => [`  ${usage}`, `      ${help}`])
  return [
    `${call} <command>`,
    '',
    ...commands,
    ...(more === undefined ? [] : ['', `  ${more}`]),
    '',
    '  --help, --version'
  ].join('\n')
}

function printLine(text: string): void {
  process.stdout.write(`${text}\n`)
}

function printError(text: string): void {
  process.stderr.write(`${text}\n`)
}
