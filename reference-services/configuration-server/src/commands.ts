import { parseJson, type JsonValue } from '@sallyport/security-context/mechanics'
import Value from 'typebox/value'
import {
  replaceConfiguration,
  rollBackConfiguration,
  type ChangeCollaborators,
  type ChangedConfiguration
} from './configurations/change-configuration.ts'
import { ContentSchema, type ConfigurationContent, type SentContent } from './configurations/configuration-content.ts'
import { ConfigurationKeySchema, type ConfigurationKey } from './configurations/configuration-names.ts'
import { readDifference, readMaskedVersion } from './configurations/inspect-configuration.ts'
import { encryptAgain } from './secrets/encrypt-again.ts'
import { listConfigurations, listVersions } from './store/configuration-lists.ts'

/** What commands work with. */
export type CommandContext = ChangeCollaborators

/** The call itself is wrong; its message is printed with the usage. */
export class CommandUsageError extends Error {}

/** One command. */
export interface ConfigurationCommand {
  readonly name: string
  readonly usage: string
  readonly help: string
  /**
   * @param open the database is opened only for a call that is well-formed
   * @returns what is printed as JSON
   */
  readonly run: (
    args: readonly string[],
    open: () => Promise<CommandContext>,
    readStdin: () => Promise<string>
  ) => Promise<unknown>
}

const KEY_USAGE = '<application> <profile> <label>'

/** The commands beside `start`, `migrate` and `settings`. */
export const CONFIGURATION_COMMANDS: readonly ConfigurationCommand[] = [
  {
    name: 'list',
    usage: 'list [<application>/<profile>/<label>]',
    help: 'A hundred configurations by their names, from after the one that is given.',
    run: async (args, open) => {
      if (args.length > 1) throw new CommandUsageError('too many arguments')
      const after = args.length === 0 ? null : parseKey(args[0]?.split('/') ?? [])
      const { db } = await open()
      return await listConfigurations(db, after)
    }
  },
  {
    name: 'show',
    usage: `show ${KEY_USAGE} [<version>]`,
    help: 'One version, the current one by default; null stands for a secret.',
    run: async (args, open) => {
      const [key, version] = [parseKey(args), args[3]]
      const wanted = version === undefined ? 'current' : parseVersion(version)
      return await readMaskedVersion((await open()).db, key, wanted)
    }
  },
  {
    name: 'set',
    usage: `set ${KEY_USAGE} <name>=<value> …`,
    help: 'Sets values; a value is JSON, or text where it is no JSON. Not for secrets: arguments are seen by others.',
    run: async (args, open) => {
      const key = parseKey(args)
      const given = Object.fromEntries(args.slice(3).map(parseAssignment))
      requireSome(given)
      return await changeContent(open, key, before => ({
        values: { ...Object.fromEntries(before.values), ...given },
        secrets: keptSecrets(before)
      }))
    }
  },
  {
    name: 'set-secret',
    usage: `set-secret ${KEY_USAGE} <name>`,
    help: 'Sets a secret, which is read from standard input.',
    run: async (args, open, readStdin) => {
      const [key, name] = [parseKey(args), args[3]]
      if (name === undefined || args.length > 4) throw new CommandUsageError('one <name>')
      const secret = (await readStdin()).replace(/\r?\n$/, '')
      if (secret === '') throw new CommandUsageError('standard input is empty')
      return await changeContent(open, key, before => ({
        values: Object.fromEntries([...before.values].filter(([other]) => other !== name)),
        secrets: { ...keptSecrets(before), [name]: secret }
      }))
    }
  },
  {
    name: 'unset',
    usage: `unset ${KEY_USAGE} <name> …`,
    help: 'Removes values and secrets.',
    run: async (args, open) => {
      const [key, names] = [parseKey(args), args.slice(3)]
      requireSome(names)
      return await changeContent(open, key, before => ({
        values: without(Object.fromEntries(before.values), names),
        secrets: without(keptSecrets(before), names)
      }))
    }
  },
  {
    name: 'versions',
    usage: `versions ${KEY_USAGE} [<before>]`,
    help: 'A hundred versions, newest first.',
    run: async (args, open) => {
      const [key, before] = [parseKey(args), args[3]]
      return await listVersions((await open()).db, key, before === undefined ? null : parseVersion(before))
    }
  },
  {
    name: 'diff',
    usage: `diff ${KEY_USAGE} <from> <to>`,
    help: 'What changed between two versions, secrets masked.',
    run: async (args, open) => {
      const [key, from, to] = [parseKey(args), parseVersion(args[3]), parseVersion(args[4])]
      const { db, ring } = await open()
      return await readDifference(db, ring, key, from, to)
    }
  },
  {
    name: 'rollback',
    usage: `rollback ${KEY_USAGE} <version>`,
    help: 'Makes a new version with the content of an older one.',
    run: async (args, open) => {
      const [key, version] = [parseKey(args), parseVersion(args[3])]
      return await rollBackConfiguration(await open(), key, 'any', version)
    }
  },
  {
    name: 'reencrypt',
    usage: 'reencrypt',
    help: 'Encrypts every secret under the newest key of SALLYPORT_SEALING_KEYS; then older keys can go.',
    run: async (args, open) => {
      if (args.length > 0) throw new CommandUsageError('too many arguments')
      const { db, ring, audit } = await open()
      return { encrypted: await encryptAgain(db, ring, audit) }
    }
  }
]

async function changeContent(
  open: () => Promise<CommandContext>,
  key: ConfigurationKey,
  sentOver: (before: ConfigurationContent) => SentContent
): Promise<ChangedConfiguration> {
  return await replaceConfiguration(await open(), key, 'any', before => {
    const sent = sentOver(before)
    if (!Value.Check(ContentSchema, sent)) throw new CommandUsageError('a name or a value is not valid')
    return sent
  })
}

function parseKey([application, profile, label]: readonly string[]): ConfigurationKey {
  const key = { application, profile, label }
  if (!Value.Check(ConfigurationKeySchema, key)) throw new CommandUsageError('application, profile and label are names')
  return key
}

function parseVersion(written: string | undefined): number {
  if (written === undefined || !/^[1-9]\d{0,8}$/.test(written)) throw new CommandUsageError('a version is a number')
  return Number(written)
}

function parseAssignment(written: string): [string, JsonValue] {
  const at = written.indexOf('=')
  if (at < 1) throw new CommandUsageError('a value is set as <name>=<value>')
  const value = written.slice(at + 1)
  try {
    return [written.slice(0, at), parseJson(value) as JsonValue]
  } catch {
    return [written.slice(0, at), value]
  }
}

function requireSome(given: object): void {
  if (Object.keys(given).length === 0) throw new CommandUsageError('nothing is named')
}

function keptSecrets({ secrets }: ConfigurationContent): Record<string, JsonValue> {
  return Object.fromEntries(secrets)
}

function without(properties: Readonly<Record<string, JsonValue>>, names: readonly string[]): Record<string, JsonValue> {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name)))
}
