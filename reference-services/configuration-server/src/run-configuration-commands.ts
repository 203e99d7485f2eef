import { text } from 'node:stream/consumers'
import auditLog, { auditTrailOptions } from '@sallyport/audit-log'
import { loadSettings } from '@sallyport/configuration'
import securityContext from '@sallyport/security-context'
import type { RecordAudit } from '@sallyport/service-kit'
import { connectDatabase, versionsOfCommand } from '@sallyport/service-process'
import Fastify from 'fastify'
import { CONFIGURATION_COMMANDS, CommandUsageError, type CommandContext } from './commands.ts'
import { descriptor } from './descriptor.ts'
import { parseSecretRing } from './secrets/secret-ring.ts'
import { commandSettingsSchema, keyRingSettingMistakes } from './settings.ts'

/** Who the audit trail says did it. */
const COMMAND_AUTHOR = 'command-line'

/** Where the commands read and write; tests pass in their own. */
export interface CommandSurroundings {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
  readonly readStdin: () => Promise<string>
}

const TERMINAL: CommandSurroundings = {
  out: line => process.stdout.write(`${line}\n`),
  error: line => process.stderr.write(`${line}\n`),
  readStdin: async () => await text(process.stdin)
}

/**
 * The commands of an operator: they take database and key ring of the server from the environment, work with the rights
 * of the app role, and write to its audit trail.
 * @param call how the program is called, for help and usage
 * @returns the exit code: 0, 1 for a refusal, 2 for a wrong call
 */
export async function runConfigurationCommands(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  call: string,
  surroundings: CommandSurroundings = TERMINAL
): Promise<number> {
  const { out, error } = surroundings
  const [name = 'help', ...rest] = args
  const command = CONFIGURATION_COMMANDS.find(known => known.name === name)
  if (command === undefined) {
    const lines = CONFIGURATION_COMMANDS.map(({ usage, help }) => `  ${call} ${usage}\n      ${help}`)
    if (name === 'help') out(lines.join('\n'))
    else error(`there is no command ${name}\n${lines.join('\n')}`)
    return name === 'help' ? 0 : 2
  }
  let close = async (): Promise<void> => {}
  async function open(): Promise<CommandContext> {
    const opened = await openCommandContext(environment)
    close = opened.close
    return opened.context
  }
  try {
    out(JSON.stringify(await command.run(rest, open, surroundings.readStdin), null, 2))
    return 0
  } catch (cause) {
    const isUsage = cause instanceof CommandUsageError
    error(isUsage ? `${cause.message}\n  ${call} ${command.usage}` : messageFor(cause))
    return isUsage ? 2 : 1
  } finally {
    await close()
  }
}

async function openCommandContext(
  environment: Readonly<Record<string, string | undefined>>
): Promise<{ readonly context: CommandContext; readonly close: () => Promise<void> }> {
  const settings = loadSettings({ schema: commandSettingsSchema, environment, mistakes: keyRingSettingMistakes })
  const { values } = settings
  const ring = parseSecretRing(values.sealingKeys)
  const db = connectDatabase(values)
  // Serves nothing: the trail is written as the server writes it.
  const trail = Fastify()
  trail.addHook('onClose', async () => await db.destroy())
  await trail.register(securityContext)
  const { privacy } = auditTrailOptions(values, descriptor.name)
  const versions = () => versionsOfCommand(settings)
  await trail.register(auditLog, { db, process: descriptor.name, sealer: false, privacy, versions })
  const audit: RecordAudit = async (trx, event) => {
    await trail.auditWithin(trx, { ...event, subject: COMMAND_AUTHOR })
  }
  return { context: { db, ring, audit, author: COMMAND_AUTHOR }, close: async () => await trail.close() }
}

function messageFor(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
