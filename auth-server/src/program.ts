import { PROCESS_NAME } from './app.ts'
import { buildConnected, openCollaborators } from './connect.ts'
import { issuerSettingsMistakes, settingsSchema } from './settings.ts'
import { runCommandLine } from './command-line.ts'
import { migrate } from './store/migrate.ts'

/** The process with its commands: what `server.ts` runs, and the executable of the package. */
export const program = {
  definition: {
    name: PROCESS_NAME,
    settings: settingsSchema,
    mistakes: issuerSettingsMistakes,
    // Nobody's trace is continued: every caller is a stranger here until the grant.
    acceptTraces: false,
    connect: openCollaborators,
    build: buildConnected
  },
  migrate,
  furtherCommands: {
    help: 'users …, roles …, scopes …, audiences …, clients …, secrets …, sessions …, keys …, database …: `help <noun>` lists them.',
    run: runCommandLine
  }
}
