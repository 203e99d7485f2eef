import '@sallyport/service-process/require-node'
import { runService } from '@sallyport/service-process'
import { buildApp, NAME } from './app.ts'
import { connect } from './connect.ts'
import { settingsMistakes, settingsSchema } from './settings.ts'

await runService({
  name: NAME,
  settings: settingsSchema,
  mistakes: settingsMistakes,
  // A trace begins at the edge: what a stranger says about traces is not believed.
  acceptTraces: false,
  longestUpstreamMs: ({ answerTimeoutMs }) => answerTimeoutMs,
  connect,
  build: buildApp,
  environment: process.env
})
