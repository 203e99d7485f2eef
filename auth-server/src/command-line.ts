import auditLog, { auditTrailOptions } from '@sallyport/audit-log'
import { loadSettings } from '@sallyport/configuration'
import securityContext from '@sallyport/security-context'
import { connectDatabase, versionsOfCommand } from '@sallyport/service-process'
import Fastify from 'fastify'
import { text } from 'node:stream/consumers'
import { runCommand } from './administration/cli/run-command.ts'
import { createOwnRows } from './administration/own-rows.ts'
import type { KeyAdministration } from './administration/keys.ts'
import { composeAdministration, composeAuthorizationServer } from './compose.ts'
import { settingsSchema } from './settings.ts'
import { postgresStore } from './store/postgres/index.ts'

/** Who the audit trail says did it. */
const OPERATOR = 'command-line'

/**
 * The command line as a program: takes the settings of the server from the environment, works on its database and
 * writes to its audit trail.
 * @param call how the program is called, for help and usage
 * @returns the exit code
 */
export async function runCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  call?: string
): Promise<number> {
  const closing: Array<() => Promise<unknown>> = []
  try {
    const terminal = {
      out: (line: string) => {
        process.stdout.write(`${line}\n`)
      },
      error: (line: string) => {
        process.stderr.write(`${line}\n`)
      },
      readStdin: async () => await text(process.stdin)
    }
    return await runCommand(args, async () => await openAdministration(environment, closing), terminal, call)
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

async function openAdministration(
  environment: Readonly<Record<string, string | undefined>>,
  closing: Array<() => Promise<unknown>>
): Promise<KeyAdministration> {
  const settings = loadSettings({ schema: settingsSchema, environment: { ...environment } })
  const { values } = settings
  const db = connectDatabase(values)
  closing.push(async () => {
    await db.destroy()
  })
  const fastify = Fastify()
  closing.push(async () => {
    await fastify.close()
  })
  await fastify.register(securityContext)
  // Names are sealed as the server seals them: in its database, under its keys.
  const { privacy } = auditTrailOptions(values, 'auth-server')
  const versions = () => versionsOfCommand(settings)
  await fastify.register(auditLog, { db, process: 'auth-server', sealer: false, privacy, versions })
  const server = composeAuthorizationServer(values, { store: postgresStore(db) })
  const administration = composeAdministration(values, server, async (store, event) => {
    // On the connection of the change: both are committed, or neither.
    await fastify.auditWithin(store.connection ?? db, { ...event, subject: OPERATOR })
  })
  await createOwnRows(administration)
  return administration
}
