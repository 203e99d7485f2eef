import { createClientTokenSource } from '@sallyport/token-exchange'
import { buildApp, PROCESS_NAME } from './app.ts'
import { routeCommands } from './commands/route-commands.ts'
import { connectGateway } from './connect.ts'
import { overlayMistakes } from './routes-overlay.ts'
import { settingsMistakes, settingsSchema, type GatewaySettings } from './settings.ts'
import { shareOfWorker } from './share-among-workers.ts'
import { migrate } from './migrate.ts'

/** The process with its commands: what `server.ts` runs, and the executable of the package. */
export const program = {
  definition: {
    name: PROCESS_NAME,
    settings: settingsSchema,
    mistakes: (settings: GatewaySettings, environment: Readonly<Record<string, string | undefined>>) => [
      ...settingsMistakes(settings),
      ...overlayMistakes(settings, environment)
    ],
    // A trace begins at the edge: the trace headers of strangers are ignored.
    acceptTraces: false,
    longestUpstreamMs: ({ answerTimeoutMs }: GatewaySettings) => answerTimeoutMs,
    configurationToken: createClientTokenSource,
    workers: { count: ({ workers }: GatewaySettings) => workers, share: shareOfWorker },
    connect: connectGateway,
    build: buildApp
  },
  migrate,
  furtherCommands: routeCommands()
}
