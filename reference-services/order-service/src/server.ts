import '@sallyport/service-process/require-node'
import { connectService } from '@sallyport/service-kit'
import { runService } from '@sallyport/service-process'
import { buildApp, PROCESS_NAME } from './app.ts'
import { settingsSchema } from './settings.ts'

await runService({
  name: PROCESS_NAME,
  settings: settingsSchema,
  longestUpstreamMs: ({ upstreamTimeoutMs }) => upstreamTimeoutMs,
  connect: connectService,
  build: buildApp,
  environment: process.env
})
