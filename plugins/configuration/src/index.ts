import '@sallyport/security-context/require-node'
import fastifyEnv from '@fastify/env'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import type { TObject } from 'typebox'
import { gatherSettings, settle } from './load-settings.ts'
import type { LiveSettings } from './live-settings.ts'
import { liveSettingsIn, settingsIn, type ConfigurationOptions } from './options.ts'
import { strictCheckOf, violationsIn, type CheckedValues } from './validate.ts'

export { loadSettings } from './load-settings.ts'
export { settingsReference, type SettingReference } from './settings-reference.ts'
export type { LiveSettings, LiveSettingsState } from './live-settings.ts'
export type { DeepReadonly } from './deep-readonly.ts'
export type { ExplainedSetting } from './describe.ts'
export type { PulledValues } from './pulled.ts'
export {
  basicServerAuthorization,
  createConfigurationClient,
  type ConfigurationClient,
  type ConfigurationClientOptions,
  type SendToServer,
  type ServerAuthorization
} from './server/configuration-client.ts'
export { followServer, waitBeforeQuestion, type FollowedServer } from './server/follow-server.ts'
export {
  isDocumentToken,
  isProfileList,
  readServerDocument,
  type DocumentName,
  type ServerDocument
} from './server/server-document.ts'
export { readSettingsSnapshot, writeSettingsSnapshot, type SnapshotFile } from './server/snapshot.ts'
export type { ConfigurationOptions, Settings, SettingsSources } from './options.ts'
export * as errors from './errors.ts'

/**
 * The app's settings, merged by the app: `declare module '@sallyport/configuration' { interface AppSettings { issuer:
 * string } }`.
 */
export interface AppSettings {}

declare module 'fastify' {
  interface FastifyInstance {
    /** Validated and frozen; with `{ live }` those of now. */
    settings: Readonly<AppSettings>
    /** The handle of settings that may change, `null` for settings that were loaded once. */
    liveSettings: LiveSettings<AppSettings> | null
  }
}

/**
 * Decorates `fastify.settings` with validated, frozen settings; a mistake fails the boot and names every mistake.
 * Settings that are not loaded yet are checked by @fastify/env, which makes the decorator too; those that are loaded
 * were checked by its engine, env-schema, and are taken as they are.
 */
async function configuration(fastify: FastifyInstance, options: ConfigurationOptions): Promise<void> {
  if ('live' in options) {
    const { live } = liveSettingsIn(options)
    fastify.decorate('liveSettings', live as LiveSettings<AppSettings>)
    fastify.decorate('settings', { getter: () => live.current as Readonly<AppSettings> })
    return
  }
  fastify.decorate('liveSettings', null)
  if ('settings' in options) fastify.decorate('settings', settingsIn(options).values as Readonly<AppSettings>)
  else {
    const gathered = gatherSettings(options)
    settle(gathered, await checkWithFastifyEnv(fastify, options.schema, gathered.data))
  }
}

/** The values that are `fastify.settings` from now on, or what is wrong with them. */
async function checkWithFastifyEnv(
  fastify: FastifyInstance,
  schema: TObject,
  data: Record<string, unknown>
): Promise<CheckedValues> {
  try {
    await fastify.register(fastifyEnv, { confKey: 'settings', ...strictCheckOf(schema, data) })
    return { values: fastify.settings as Record<string, unknown>, violations: new Map() }
  } catch (error) {
    return { values: data, violations: violationsIn(schema, error) }
  }
}

export default fastifyPlugin(configuration, { name: '@sallyport/configuration', fastify: '5.x' })
