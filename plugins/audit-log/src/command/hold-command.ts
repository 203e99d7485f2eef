import type { Knex } from 'knex'
import type { CommandEnvironment } from './open-trail.ts'
import { listHolds, placeHold, releaseHold } from '../hold/holds.ts'
import { visibleJson, visibleText } from '../visible-text.ts'
import { AuditUsageError, EXIT, type AuditTerminal } from './audit-terminal.ts'
import { COMMAND_VERSIONS } from './command-versions.ts'
import { FILTER_FLAGS, type CommandOptions } from './read-commands.ts'
import { COMMAND_PROCESS, commandOperator } from './record-reading.ts'
import { commandIssuer } from './trail-environment.ts'

/** `hold`: places a legal hold, releases one, or lists those that are live. */
export async function holdRows(
  openDb: () => Knex,
  options: CommandOptions,
  terminal: AuditTerminal,
  environment: CommandEnvironment
): Promise<number> {
  const { name, release, because } = options
  const detail = { operator: commandOperator(), ...(typeof because === 'string' && { reason: because }) }
  const ownIssuer = commandIssuer(options, environment)
  const context = { process: COMMAND_PROCESS, detail, timeoutMs: 60_000, ownIssuer, versions: COMMAND_VERSIONS }
  const db = openDb()
  const filter = heldFilter(options)
  if (typeof release === 'string') {
    if (name !== undefined) throw new AuditUsageError('--name and --release are two calls')
    await releaseHold(db, release, context)
  } else if (typeof name === 'string') {
    if (Object.keys(filter).length === 0) throw new AuditUsageError('a field or a time is missing: what is to be kept')
    await placeHold(db, { name, filter }, context)
  } else if (Object.keys(filter).length > 0) throw new AuditUsageError('--name is missing')
  for (const hold of await listHolds(db)) {
    const said = `${hold.placedAt.toISOString()}  ${hold.name}  ${JSON.stringify(hold.filter)}`
    await terminal.out(options.json === true ? `${visibleJson(hold)}\n` : `${visibleText(said)}\n`)
  }
  return EXIT.done
}

function heldFilter(options: CommandOptions): Record<string, string> {
  const flags = new Map<string, string>([['from', 'from'], ['until', 'until'], ...FILTER_FLAGS])
  return Object.fromEntries(
    [...flags].flatMap(([flag, member]) => {
      const value = options[flag]
      return typeof value === 'string' ? [[member, value]] : []
    })
  )
}
