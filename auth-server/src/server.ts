import { runService } from '@sallyport/service-process'
import { NAME } from './app.ts'
import { build, connect } from './connect.ts'
import { settingsSchema } from './settings.ts'

await runService({ name: NAME, settings: settingsSchema, connect, build, acceptTraces: false, environment: process.env })
