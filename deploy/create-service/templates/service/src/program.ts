import { configurationToken, connectService, serviceSettingsMistakes } from '@sallyport/service-kit'
import { buildApp, PROCESS_NAME } from './app.ts'
import { settingsSchema, type SampleItemServiceSettings } from './settings.ts'
import { migrate } from './migrations.ts'

/** The process with its commands: what `server.ts` runs, and the executable of the package. */
export const program = {
  definition: {
    name: PROCESS_NAME,
    settings: settingsSchema,
    mistakes: serviceSettingsMistakes,
    longestUpstreamMs: ({ upstreamTimeoutMs }: SampleItemServiceSettings) => upstreamTimeoutMs,
    configurationToken,
    connect: connectService,
    build: buildApp
  },
  migrate
}
