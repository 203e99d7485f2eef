import { createJwksKeySource } from '@sallyport/authentication'
import { loadSettings } from '@sallyport/configuration'
import knex from 'knex'
import { buildApp } from './app.ts'
import { findKeys } from './find-keys.ts'
import { PREFIX, settingsSchema } from './settings.ts'

const { values: settings } = loadSettings({ schema: settingsSchema, environment: process.env, prefix: PREFIX })
const keys = createJwksKeySource({ jwksUri: settings.jwksUri ?? (await findKeys(settings.issuer)) })
const db = knex({ client: 'pg', connection: settings.databaseUrl })
const app = await buildApp(settings, { keys, trail: { db }, logger: true })
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    // What the app still has to write when it closes needs the database.
    await app.close()
    await keys.close()
    await db.destroy()
  })
}
await app.listen({ host: settings.host, port: settings.port })
