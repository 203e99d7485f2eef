import { parseArgs, type ParseArgsOptionDescriptor } from 'node:util'
import { errorCode, messageWithCause } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import { visibleText } from '../visible-text.ts'
import { AuditUsageError, EXIT, type AuditTerminal } from './audit-terminal.ts'
import { searchAtGateway } from './gateway-commands.ts'
import { holdRows } from './hold-command.ts'
import { exportToFile, pruneTrail, verifyTrail } from './keep-commands.ts'
import { eraseAgain, eraseFromTrail, rewrapTrailKeys } from './erase-commands.ts'
import { openTrail, type CommandEnvironment, type TrailDatabase } from './open-trail.ts'
import { proveFromTrail, showCheckpoint } from './proof-commands.ts'
import { showPush } from './push-command.ts'
import { resumeAfterRestore } from './restore-command.ts'
import { tailAtGateway } from './tail-gateway.ts'
import { FILTER_FLAGS, searchTrail, tailTrail, type CommandOptions } from './read-commands.ts'

/** How the program was called. */
export interface AuditCommandCall extends AuditTerminal {
  /** After the name of the program. */
  readonly args: readonly string[]
  readonly environment: CommandEnvironment
  /** Of its executable, for help. */
  readonly call: string
}

type CommandFlags = Readonly<Record<string, ParseArgsOptionDescriptor>>
interface AuditCommand {
  readonly usage: string
  readonly help: string
  readonly options: CommandFlags
  /** Name of the option that is given without a flag. */
  readonly operand?: string
  readonly run: (
    openDb: (variable?: TrailDatabase) => Knex,
    options: CommandOptions,
    terminal: AuditTerminal,
    environment: CommandEnvironment
  ) => Promise<number>
}

const textFlag = { type: 'string' } as const
const plainFlag = { type: 'boolean' } as const
const RANGE: CommandFlags = {
  from: textFlag,
  until: textFlag,
  ...Object.fromEntries([...FILTER_FLAGS.keys()].map(name => [name, textFlag]))
}
const PERSONAL: CommandFlags = { personal: plainFlag, name: textFlag, 'source-address': textFlag }
/** With it a command asks the gateway, which asks all processes. */
const ASK_GATEWAY: CommandFlags = { gateway: textFlag, ca: textFlag }
const FILTERS = '[--from <time>] [--until <time>] [--<field> <value>]…'

const AUDIT_COMMANDS: Readonly<Record<string, AuditCommand>> = {
  search: {
    usage: `search ${FILTERS} [--order oldest] [--limit <rows> | --all] [--after <sequence>] [--personal … | --gateway <url> [--ca <file>]]`,
    help:
      `Shows rows, the newest first. Fields: ${[...FILTER_FLAGS.keys()].join(', ')}. With --personal also names, ` +
      'addresses and programs, and the fields name and source-address. With --gateway the rows of all processes.',
    options: {
      ...RANGE,
      order: textFlag,
      limit: textFlag,
      all: plainFlag,
      after: textFlag,
      ...PERSONAL,
      ...ASK_GATEWAY
    },
    run: (openDb, options, terminal, environment) =>
      options.gateway === undefined
        ? searchTrail(openDb(), options, terminal, environment)
        : searchAtGateway(options, terminal, environment)
  },
  tail: {
    usage: `tail ${FILTERS} [--lines <rows> | --gateway <url> [--ca <file>]]`,
    help:
      'Shows the last rows, and new ones as they are sealed, until Ctrl-C. With --gateway a stream that breaks is asked ' +
      'for again, from where it was.',
    options: { ...RANGE, lines: textFlag, ...ASK_GATEWAY },
    run: (openDb, options, terminal, environment) =>
      options.gateway === undefined
        ? tailTrail(openDb(), options, terminal, environment)
        : tailAtGateway(options, terminal, environment)
  },
  verify: {
    usage:
      'verify [--head <sequence>:<hash>] [--checkpoint <file>] [--key <verifier>] [--export <file> | --proof <file> | --anchor <file>]',
    help: 'Verifies the trail, or an export, a proof or the file of an anchor without a database. Exit code 3 when it does not verify.',
    options: {
      head: textFlag,
      export: textFlag,
      checkpoint: textFlag,
      key: textFlag,
      proof: textFlag,
      anchor: textFlag
    },
    run: verifyTrail
  },
  checkpoint: {
    usage: 'checkpoint [--verifier-keys]',
    help:
      'Shows the last signed checkpoint of the database. With --verifier-keys what is given as --key, made of ' +
      'SALLYPORT_AUDIT_CHECKPOINT_KEYS and SALLYPORT_AUDIT_CHECKPOINT_ORIGIN, without a database.',
    options: { 'verifier-keys': plainFlag },
    run: showCheckpoint
  },
  prove: {
    usage: 'prove --checkpoint <file> --key <verifier> (--sequence <sequence> | --since <file of an earlier one>)',
    help: 'Writes a proof that a row is under a checkpoint, or that a checkpoint continues an earlier one.',
    options: { checkpoint: textFlag, key: textFlag, sequence: textFlag, since: textFlag },
    run: (openDb, options, terminal, environment) => proveFromTrail(openDb(), options, terminal, environment)
  },
  export: {
    usage: 'export [--after <sequence>] [--file <new file>]',
    help: 'Writes the trail as lines of JSON, with all seals, so that it can be verified elsewhere; signed by SALLYPORT_AUDIT_CHECKPOINT_KEYS.',
    options: { after: textFlag, file: textFlag },
    run: (openDb, options, terminal, environment) => exportToFile(openDb(), options, terminal, environment)
  },
  prune: {
    usage: "prune --before <time | days>d [--classes 'session.*,token.*=730d;*.read=90d']",
    help:
      'Removes old rows and keeps their seals; rows of a class by its own time, the first class that has the action ' +
      'decides. DATABASE_URL is that of the pruner.',
    options: { before: textFlag, classes: textFlag },
    run: (openDb, options, terminal) => pruneTrail(openDb(), options, terminal)
  },
  erase: {
    usage: 'erase <subject> [--issuer <issuer>] --reason <text> --erasures <file> [--yes]',
    help: 'Makes names, addresses and other personal values of a person unreadable. DATABASE_URL is that of the pruner.',
    operand: 'subject',
    options: { issuer: textFlag, reason: textFlag, erasures: textFlag, yes: plainFlag },
    run: eraseFromTrail
  },
  'erase-again': {
    usage: 'erase-again --erasures <file>',
    help: 'After a restore: destroys again what was erased since the backup. DATABASE_URL is that of the pruner.',
    options: { erasures: textFlag },
    run: eraseAgain
  },
  rewrap: {
    usage: 'rewrap',
    help: 'Wraps the keys of persons under the newest of SALLYPORT_AUDIT_PERSON_KEYS. DATABASE_URL is that of the pruner.',
    options: {},
    run: rewrapTrailKeys
  },
  hold: {
    usage: `hold [--name <matter> ${FILTERS} | --release <matter>] [--because <text>]`,
    help: 'Keeps rows from being pruned until they are released, and lists what is kept.',
    options: { ...RANGE, name: textFlag, release: textFlag, because: textFlag },
    run: holdRows
  },
  push: {
    usage: 'push [--end [--because <text>]]',
    help: 'Shows how far the trail was pushed. With --end rows are pruned from now on although no receiver has them.',
    options: { end: plainFlag, because: textFlag },
    run: (openDb, options, terminal) => showPush(openDb(), options, terminal)
  },
  'resume-after-restore': {
    usage: 'resume-after-restore --because <text> (--erasures <file> | --no-erasures)',
    help:
      'After a restore from a backup: destroys again what was erased since, by PRUNER_DATABASE_URL, and continues the ' +
      'trail. docs/restore.md has the other steps.',
    options: { because: textFlag, erasures: textFlag, 'no-erasures': plainFlag },
    run: resumeAfterRestore
  }
}
const WHOLE_NUMBERS: ReadonlySet<string> = new Set(['limit', 'lines', 'after', 'sequence'])

/**
 * Runs one command over a trail. Whatever it shows of a row is neutralised for terminals; reading rows is recorded.
 * @returns the exit code: 0, 1 for a failure, 2 for a wrong call, 3 when the trail does not verify
 */
export async function runAuditCommand(given: AuditCommandCall): Promise<number> {
  const { args, call, out, error, environment } = given
  const [name = 'help', ...rest] = args
  if (['help', '--help', '-h'].includes(name)) {
    await out(auditHelp(call))
    return EXIT.done
  }
  const pools: Knex[] = []
  const openDb = (variable?: TrailDatabase): Knex => {
    const db = openTrail(environment, variable)
    pools.push(db)
    return db
  }
  try {
    const command = Object.hasOwn(AUDIT_COMMANDS, name) ? AUDIT_COMMANDS[name] : undefined
    if (command === undefined) throw new AuditUsageError(`there is no command ${name}`)
    return await command.run(openDb, parseCommandOptions(command, rest), given, environment)
  } catch (cause) {
    const isUsage = cause instanceof AuditUsageError || errorCode(cause) === 'SALLYPORT_AUDIT_QUERY_INVALID'
    error(`${call}: ${visibleText(messageWithCause(cause))}\n${isUsage ? `See: ${call} help\n` : ''}`)
    return isUsage ? EXIT.usage : EXIT.failed
  } finally {
    for (const db of pools) await db.destroy()
  }
}

function parseCommandOptions(command: AuditCommand, args: readonly string[]): CommandOptions {
  const values = parseStrictly(command, args)
  for (const [name, value] of Object.entries(values)) {
    if (WHOLE_NUMBERS.has(name) && !/^\d{1,15}$/.test(String(value))) {
      throw new AuditUsageError(`--${name} is not a whole number`)
    }
  }
  return values
}

function parseStrictly({ options, operand }: AuditCommand, args: readonly string[]): CommandOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...options, json: plainFlag },
      strict: true,
      allowPositionals: operand !== undefined
    })
    if (positionals.length > 1) throw new Error(`there is more than one ${operand}`)
    const [given] = positionals
    return { ...values, ...(operand !== undefined && given !== undefined && { [operand]: given }) } as CommandOptions
  } catch (cause) {
    throw new AuditUsageError(messageWithCause(cause))
  }
}

function auditHelp(call: string): string {
  const commands = Object.values(AUDIT_COMMANDS).flatMap(({ usage, help }) => [`  ${usage}`, `      ${help}`])
  return [
    `${call} <command> [--json]`,
    '',
    ...commands,
    '',
    'DATABASE_URL, or DATABASE_URL_FILE, is that of a role that may read the trail and write to it.',
    'With --gateway SALLYPORT_AUDIT_AUTHORIZATION, or …_FILE, is what the gateway asks for: Bearer … or Basic ….',
    "SALLYPORT_ISSUER is the trail's own issuer: --issuer needs it, and it is that of erase without --issuer.",
    'SALLYPORT_AUDIT_PERSON_KEYS and SALLYPORT_AUDIT_NAME_KEY, or …_FILE, are needed for personal values.',
    'Times are ISO 8601 with a zone: 2026-11-26T08:00:00Z. Exit codes: 0 done, 1 failed, 2 wrong call, 3 not verified.',
    ''
  ].join('\n')
}
