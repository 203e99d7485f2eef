import { runReferenceService } from '@sallyport/chassis'
import { loadSettings } from '@sallyport/configuration'
import { buildApp, NAME } from './app.ts'
import { settingsSchema } from './settings.ts'

await runReferenceService({
  name: NAME,
  readSettings: () => loadSettings({ schema: settingsSchema, environment: process.env }).values,
  buildApp,
  environment: process.env,
  execArgv: process.execArgv
})
