import '@sallyport/service-process/require-node'
import { runService } from '@sallyport/service-process'
import { PROCESS_NAME } from './app.ts'
import { buildConnected, openCollaborators } from './connect.ts'
import { settingsSchema } from './settings.ts'

// Nobody's trace is continued: every caller is a stranger here until the grant.
await runService({
  name: PROCESS_NAME,
  settings: settingsSchema,
  acceptTraces: false,
  connect: openCollaborators,
  build: buildConnected,
  environment: process.env
})
