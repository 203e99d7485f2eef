import { parseArgs } from 'node:util'
import type { KeyAdministration } from '../keys.ts'
import { CLIENT_COMMANDS } from './client-commands.ts'
import { UsageError, type Command } from './command.ts'
import { REGISTRY_COMMANDS } from './registry-commands.ts'
import { ROLE_COMMANDS } from './role-commands.ts'
import { KEY_COMMANDS } from './key-commands.ts'
import { USER_COMMANDS } from './user-commands.ts'

/** Where the command line reads and writes. */
export interface Terminal {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
  readonly readStdin: () => Promise<string>
}

const COMMANDS: readonly Command[] = [
  ...USER_COMMANDS,
  ...ROLE_COMMANDS,
  ...REGISTRY_COMMANDS,
  ...CLIENT_COMMANDS,
  ...KEY_COMMANDS
]
const HELP = ['help', '--help', '-h']
const SHARED_OPTIONS = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  'password-stdin': { type: 'boolean' }
} as const

/**
 * Runs one command.
 * @param args after the program's name
 * @param administration opened only for a command that is well-formed
 * @param call how the program is called, for help and usage
 * @returns the exit code: 0, 1 for a refusal, 2 for a wrong call
 */
export async function runCommand(
  args: readonly string[],
  administration: () => Promise<KeyAdministration>,
  terminal: Terminal,
  call = 'npm run auth --'
): Promise<number> {
  try {
    const [noun = 'help', verb = ''] = args
    const command = COMMANDS.find(({ name }) => name === `${noun} ${verb}`)
    if (command === undefined) {
      const about = HELP.includes(noun) ? verb : HELP.includes(verb) ? noun : null
      const commands = COMMANDS.filter(({ name }) => about === '' || name.split(' ')[0] === about)
      if (commands.length === 0) throw new UsageError(`there is no command ${noun} ${verb}`.trimEnd())
      terminal.out(helpText(commands, call))
      return 0
    }
    return await runParsed(command, args.slice(2), administration, terminal, call)
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.error(`${error.message}\nSee: ${call} help`)
      return 2
    }
    terminal.error(commandFailureText(error))
    return 1
  }
}

/** A host of which no address answers fails with an error of errors, whose own message is empty. */
function commandFailureText(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(commandFailureText).join(', ')
  return error instanceof Error ? error.message : String(error)
}

async function runParsed(
  command: Command,
  args: readonly string[],
  administration: () => Promise<KeyAdministration>,
  terminal: Terminal,
  call: string
): Promise<number> {
  const { values, positionals } = parseCommand(command, args)
  if (values.help === true) {
    terminal.out(helpText([command], call))
    return 0
  }
  const missing = command.arguments[positionals.length]
  if (missing !== undefined) throw new UsageError(`<${missing}> is missing`)
  if (positionals.length > command.arguments.length) throw new UsageError(`too many arguments for ${command.name}`)
  const password =
    values['password-stdin'] === true ? { password: (await terminal.readStdin()).replace(/\r?\n$/, '') } : {}
  const result = await command.run(await administration(), positionals, { ...values, ...password })
  terminal.out(values.json === true ? JSON.stringify(result) : readable(result))
  return 0
}

function parseCommand(
  command: Command,
  args: readonly string[]
): {
  readonly values: Readonly<Record<string, string | boolean | Array<string | boolean> | undefined>>
  readonly positionals: readonly string[]
} {
  const options = { ...command.options, ...SHARED_OPTIONS }
  try {
    return parseArgs({
      args: keepLeadingHyphens(args, options),
      options,
      allowPositionals: true,
      strict: true
    })
  } catch (error) {
    const [mistake = ''] = String(error instanceof Error ? error.message : error).split('\n')
    throw new UsageError(mistake)
  }
}

/**
 * Marks values and arguments that begin with a hyphen as what they are: one of 64 thumbprints in base64url does. An
 * option's name is never a value.
 */
function keepLeadingHyphens(args: readonly string[], options: Command['options']): string[] {
  const optionOf = (word: string) => options[/^--([^=]+)/.exec(word)?.[1] ?? '']
  const marked: string[] = []
  const positionals: string[] = []
  for (let index = 0; index < args.length; index++) {
    const word = args[index] ?? ''
    const next = args[index + 1]
    if (word === '--') {
      positionals.push(...args.slice(index + 1))
      break
    }
    const isFollowed = next !== undefined && next !== '--' && optionOf(next) === undefined
    if (isFollowed && optionOf(word)?.type === 'string' && !word.includes('=')) {
      marked.push(`${word}=${next}`)
      index++
    } else (word.startsWith('--') || word === '-h' ? marked : positionals).push(word)
  }
  const needMarks = positionals.some(word => word.startsWith('-'))
  return needMarks ? [...marked, '--', ...positionals] : [...positionals, ...marked]
}

function helpText(commands: readonly Command[], call: string): string {
  const lines = commands.map(
    ({ name, arguments: args, help }) => `  ${[name, ...args.map(arg => `<${arg}>`)].join(' ').padEnd(32)} ${help}`
  )
  const [only, ...others] = commands
  const options = only === undefined || others.length > 0 ? [] : optionLines(only)
  return [`${call} <command> [--json]`, '', ...lines, ...options].join('\n')
}

function optionLines({ options }: Command): string[] {
  const lines = Object.entries(options).map(([name, { type, help = '' }]) =>
    `  ${`--${name}${type === 'string' ? ' …' : ''}`.padEnd(32)} ${help}`.trimEnd()
  )
  return lines.length === 0 ? [] : ['', ...lines]
}

/** Records one below the other, `name: value` a line. */
function readable(result: unknown): string {
  if (Array.isArray(result)) return result.length === 0 ? '(none)' : result.map(readable).join('\n\n')
  if (typeof result !== 'object' || result === null) return String(result)
  return Object.entries(result)
    .map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join('\n')
}
