import '@sallyport/service-process/require-node'
import { runService } from '@sallyport/service-process'
import { NAME } from './app.ts'
import { build, connect } from './connect.ts'
import { issuerSettingsMistakes, settingsSchema } from './settings.ts'

// Nobody's trace is continued: every caller is a stranger here until the grant.
await runService({
  name: NAME,
  settings: settingsSchema,
  mistakes: issuerSettingsMistakes,
  acceptTraces: false,
  connect,
  build,
  environment: process.env
})
