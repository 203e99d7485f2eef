import type { KeyAdministration } from '../keys.ts'

/** The options of one call, after parsing. */
export type CommandValues = Readonly<Record<string, string | boolean | Array<string | boolean> | undefined>>

/** An option of a command. */
export interface CommandOption {
  /** `boolean`: it stands alone. */
  readonly type: 'string' | 'boolean'
  /** It may come several times. */
  readonly multiple?: boolean
  /** Completes `--option`, in the help of its command. */
  readonly help?: string
}

/** One command of the command line. */
export interface Command {
  /** For example `users create`. */
  readonly name: string
  /** Arguments in order, for the help and the check. */
  readonly arguments: readonly string[]
  readonly options: Readonly<Record<string, CommandOption>>
  readonly help: string
  /** What it returns is printed. */
  readonly run: (administration: KeyAdministration, args: readonly string[], values: CommandValues) => Promise<unknown>
}

/** The call itself is wrong: printed with the usage. */
export class UsageError extends Error {}

/** An option with several values separated by commas or spaces; none when it is not there. */
export function listOption(values: CommandValues, name: string): readonly string[] {
  const value = values[name]
  return typeof value === 'string' ? value.split(/[\s,]+/).filter(item => item !== '') : []
}

/** `--description language=text`, once for each language. */
export const DESCRIPTION_OPTION = {
  type: 'string',
  multiple: true,
  help: 'language=text, such as en="Read your orders"; once for each language'
} as const

/** The texts of {@link DESCRIPTION_OPTION} by language; nothing when there is none. */
export function descriptionsFrom({ description }: CommandValues): {
  readonly descriptions?: Readonly<Record<string, string>>
} {
  return Array.isArray(description) ? { descriptions: Object.fromEntries(description.map(describedIn)) } : {}
}

function describedIn(given: string | boolean): [string, string] {
  const [, language, text] = /^([^=]+)=(.+)$/s.exec(String(given)) ?? []
  if (language === undefined || text === undefined) throw new UsageError('--description is language=text')
  return [language, text]
}

/** The argument at a position, which the parser has checked to be there. */
export function argument(args: readonly string[], position: number): string {
  const value = args[position]
  if (value === undefined) throw new UsageError('an argument is missing')
  return value
}
