import { readFileSync } from 'node:fs'
import type { ClientField } from '../../store/client-fields.ts'
import type { FieldOption } from '../../store/field-kinds.ts'
import { UsageError, type CommandOption, type CommandValues } from './command.ts'

/** The options that the fields of a client have, for a command. */
export function optionsFor(fields: readonly ClientField[]): Readonly<Record<string, CommandOption>> {
  return Object.fromEntries(
    fields.flatMap(({ option }): Array<[string, CommandOption]> =>
      option === null
        ? []
        : [[option.flag, { type: option.takes === 'switch' ? 'boolean' : 'string', help: option.help }]]
    )
  )
}

/**
 * The fields that the options of a call set; what is not given is left out.
 * @throws {UsageError} for a value that is not written as its option wants it
 */
export function fieldsFrom(values: CommandValues, fields: readonly ClientField[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    fields.flatMap(({ name, initial, option }): Array<[string, unknown]> => {
      const given = option === null ? undefined : values[option.flag]
      if (option === null || given === undefined || Array.isArray(given)) return []
      const takesAway = given === 'none' && initial === null
      return [[name, takesAway ? null : READERS[option.takes](String(given), option)]]
    })
  )
}

/** How what stands behind an option is read. */
const READERS: Readonly<Record<FieldOption['takes'], (given: string, option: FieldOption) => unknown>> = {
  switch: (_given, { means }) => means,
  text: given => given,
  list: given => given.split(/[\s,]+/).filter(item => item !== ''),
  number: (given, { flag }) => {
    if (!/^\d+$/.test(given)) throw new UsageError(`--${flag} is not a whole number`)
    return Number(given)
  },
  'jwks-file': (path, { flag }) => readJwks(path, flag),
  'certificate-subject': (given, { flag }) => {
    const [, kind, value] = /^(dn|dns|uri):(.+)$/s.exec(given) ?? []
    if (kind === undefined) throw new UsageError(`--${flag} begins with dn:, dns: or uri:`)
    return { kind, value }
  }
}

/** A JWK Set, or the list that is in one. @see RFC 7517 §5 */
function readJwks(path: string, flag: string): unknown {
  try {
    const document: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (Array.isArray(document)) return document
    if (typeof document === 'object' && document !== null && 'keys' in document) return document.keys
  } catch {
    // Named below, without what is in the file: it may be a private key.
  }
  throw new UsageError(`--${flag}: ${path} cannot be read as a JWK Set`)
}
