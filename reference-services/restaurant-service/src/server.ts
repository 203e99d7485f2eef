import { runReferenceService } from '@sallyport/chassis'
import { buildApp, NAME } from './app.ts'
import { settingsSchema } from './settings.ts'

await runReferenceService({ name: NAME, settingsSchema, buildApp, environment: process.env, execArgv: process.execArgv })
