import '@sallyport/service-process/require-node'
import { connect } from '@sallyport/service-kit'
import { runService } from '@sallyport/service-process'
import { buildApp, NAME } from './app.ts'
import { settingsSchema } from './settings.ts'

await runService({
  name: NAME,
  settings: settingsSchema,
  longestUpstreamMs: ({ upstreamTimeoutMs }) => upstreamTimeoutMs,
  connect,
  build: buildApp,
  environment: process.env
})
