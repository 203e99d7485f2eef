import '@sallyport/service-process/require-node'
import { runService } from '@sallyport/service-process'
import { buildApp, PROCESS_NAME } from './app.ts'
import { connectGateway } from './connect.ts'
import { settingsMistakes, settingsSchema } from './settings.ts'

await runService({
  name: PROCESS_NAME,
  settings: settingsSchema,
  mistakes: settingsMistakes,
  // A trace begins at the edge: the trace headers of strangers are ignored.
  acceptTraces: false,
  longestUpstreamMs: ({ answerTimeoutMs }) => answerTimeoutMs,
  connect: connectGateway,
  build: buildApp,
  environment: process.env
})
