import { existsSync } from 'node:fs'
import type { Knex } from 'knex'
import { erasePerson, reapplyErasures, type ErasureResult, type ReappliedErasures } from '../privacy/erase-person.ts'
import { rewrapPersonKeys } from '../privacy/rewrap-keys.ts'
import { visibleJson, visibleText } from '../visible-text.ts'
import { AuditUsageError, EXIT, progressLine, type AuditTerminal } from './audit-terminal.ts'
import { COMMAND_VERSIONS } from './command-versions.ts'
import type { CommandEnvironment } from './open-trail.ts'
import type { CommandOptions } from './read-commands.ts'
import { COMMAND_PROCESS, commandOperator } from './record-reading.ts'
import { commandIssuer } from './trail-environment.ts'
import { readTrailSecrets } from './trail-secrets.ts'

/** `erase`: destroys the keys of a person; needs the role of the pruner. */
export async function eraseFromTrail(
  openDb: () => Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const subject = wantedText(options, 'subject')
  const ground = wantedText(options, 'reason')
  const file = wantedText(options, 'erasures')
  const ownIssuer = commandIssuer(options, environment)
  const issuer = options.issuer === undefined ? undefined : wantedText(options, 'issuer')
  await confirmErasure(subject, options, terminal)
  const showProgress = progressLine(terminal)
  const result = await erasePerson(openDb(), {
    subject,
    issuer,
    ownIssuer,
    ground,
    file,
    operator: commandOperator(),
    keys: readTrailSecrets(environment).keys,
    process: COMMAND_PROCESS,
    versions: COMMAND_VERSIONS,
    timeoutMs: 60_000,
    onProgress: showProgress
  })
  showProgress('')
  const text = erasureLines(subject, result).map(line => `${visibleText(line)}\n`)
  await terminal.out(options.json === true ? `${visibleJson({ subject, issuer, ...result })}\n` : text.join(''))
  return result.settled && result.clearRows + result.sharedRows === 0 ? EXIT.done : EXIT.failed
}

function wantedText(options: CommandOptions, name: string): string {
  const value = options[name]
  if (typeof value === 'string' && value.trim() !== '') return value
  throw new AuditUsageError(name === 'subject' ? 'who is to be erased is missing' : `--${name} is missing`)
}

async function confirmErasure(subject: string, options: CommandOptions, terminal: AuditTerminal): Promise<void> {
  if (options.yes === true) return
  const of = options.issuer === undefined ? '' : ` of ${visibleText(String(options.issuer))}`
  const question = `Nobody will be able to read the names and addresses of ${visibleText(subject)}${of} again. Type the subject: `
  const answer = await terminal.ask?.(question)
  if (answer === undefined) throw new AuditUsageError('without a terminal, --yes is needed')
  if (answer !== subject) throw new Error('nothing was erased: that is not the subject')
}

function erasureLines(subject: string, result: ErasureResult): string[] {
  const { keys, alreadyErased, clearRows, sharedRows, otherIssuers, settled } = result
  return [
    alreadyErased ? `${subject} was erased before; nothing was left` : `${subject} is erased: ${keys} keys destroyed`,
    ...(settled
      ? []
      : ['a transaction is still open that may bring a key of this person: erase again when it is over']),
    ...(clearRows === 0
      ? []
      : [`${clearRows} rows of earlier releases have addresses in clear: only pruning removes them`]),
    ...(sharedRows === 0
      ? []
      : [`${sharedRows} rows of earlier releases are sealed under the key of ${subject} at the trail's own issuer`]),
    ...otherIssuers.map(issuer => `${subject} at ${issuer} is another person, and stays`)
  ]
}

/** `erase-again`: applies the list of erasures after a restore; needs the role of the pruner. */
export async function eraseAgain(
  openDb: () => Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const file = wantedText(options, 'erasures')
  requireErasures(file)
  const { keys } = readTrailSecrets(environment)
  const result = await reapplyErasures(openDb(), {
    file,
    keys,
    process: COMMAND_PROCESS,
    versions: COMMAND_VERSIONS,
    timeoutMs: 60_000
  })
  await terminal.out(options.json === true ? `${visibleJson(result)}\n` : reappliedText(result))
  return EXIT.done
}

/**
 * A path that was misspelt must not look like an empty list.
 * @throws {AuditUsageError}
 */
export function requireErasures(file: string): void {
  if (!existsSync(file)) throw new AuditUsageError('there is no list of erasures at that place')
}

/** What was applied again, on one line. */
export function reappliedText({ erasures, keys }: ReappliedErasures): string {
  return `${erasures} erasures applied again: ${keys} keys destroyed\n`
}

/** `rewrap`: wraps the keys of persons under the newest key; needs the role of the pruner. */
export async function rewrapTrailKeys(
  openDb: () => Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const { keys } = readTrailSecrets(environment)
  if (keys.length === 0) throw new AuditUsageError('SALLYPORT_AUDIT_PERSON_KEYS is missing')
  const showProgress = progressLine(terminal)
  const result = await rewrapPersonKeys(openDb(), keys, count => {
    showProgress(`${count} keys wrapped`)
  })
  showProgress('')
  const { rewrapped, unopened } = result
  const said = `${rewrapped} keys are wrapped under ${keys[0]?.id}; ${unopened} are under a key that is not given\n`
  await terminal.out(options.json === true ? `${visibleJson(result)}\n` : said)
  return unopened === 0 ? EXIT.done : EXIT.failed
}
