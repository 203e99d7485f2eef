import fastifyEnv from '@fastify/env'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { loadSettings } from './load-settings.ts'
import { settingsIn, type ConfigurationOptions } from './options.ts'
import { STRICT } from './validate.ts'

export { loadSettings, type DeepReadonly, type Settings, type SettingsSources } from './load-settings.ts'
export type { ConfigurationOptions } from './options.ts'
export * as errors from './errors.ts'

/**
 * The app's settings, merged by the app: `declare module '@sallyport/configuration' { interface AppSettings { issuer:
 * string } }`.
 */
export interface AppSettings {}

declare module 'fastify' {
  interface FastifyInstance {
    /** Validated once, frozen. */
    settings: Readonly<AppSettings>
  }
}

/** Decorates `fastify.settings` with validated, frozen settings; a mistake fails the boot and names every mistake. */
async function configuration(fastify: FastifyInstance, options: ConfigurationOptions): Promise<void> {
  const settings = 'settings' in options ? settingsIn(options) : loadSettings(options)
  // A copy of the top level, because @fastify/env writes to the schema and to the data it is given.
  const schema = { ...settings.schema }
  const data = { ...(settings.values as object) }
  await fastify.register(fastifyEnv, {
    confKey: 'settings',
    schema,
    data,
    env: false,
    ajv: { customOptions: STRICT } as never
  })
  Object.freeze(fastify.settings)
}

export default fastifyPlugin(configuration, { name: '@sallyport/configuration', fastify: '5.x' })
