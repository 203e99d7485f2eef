import { connectService } from '@sallyport/service-kit'
import { buildApp, PROCESS_NAME } from './app.ts'
import { runConfigurationCommands } from './run-configuration-commands.ts'
import { configurationServerMistakes, settingsSchema, type ConfigurationServerSettings } from './settings.ts'
import { migrate } from './migrations.ts'

/** The process with its commands: what `server.ts` runs, and the executable of the package. */
export const program = {
  definition: {
    name: PROCESS_NAME,
    settings: settingsSchema,
    mistakes: configurationServerMistakes,
    longestUpstreamMs: ({ upstreamTimeoutMs }: ConfigurationServerSettings) => upstreamTimeoutMs,
    connect: connectService,
    build: buildApp
  },
  migrate,
  furtherCommands: {
    help: 'list, show, set, set-secret, unset, versions, diff, rollback, reencrypt: `help` lists them.',
    run: runConfigurationCommands
  }
}
