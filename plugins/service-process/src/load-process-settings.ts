import { errors, type Settings, type PulledValues } from '@sallyport/configuration'
import { loadTlsMaterial } from '@sallyport/secure-transport'
import { defined } from '@sallyport/security-context/mechanics'
import Type, { type Static, type TObject } from 'typebox'
import { loadSettings } from '@sallyport/configuration'
import { bootLog } from './boot-log.ts'
import { addressTable } from './process-context.ts'
import { openSettingsServer, pullAtStart, type PullTimes, type SettingsServer } from './pull-settings.ts'
import { readProcessSettings, type SettingsDefinition } from './read-process-settings.ts'
import type { ProcessProperties } from './settings.ts'
import {
  environmentOf,
  placedSources,
  readSettingsPlaces,
  settingsFolders,
  type SettingsPlaces
} from './settings-sources.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** A definition with the name of its process. */
export interface NamedDefinition<Schema extends TObject<ProcessProperties>> extends SettingsDefinition<Schema> {
  readonly name: string
}

/** The settings a process starts with, and how they are read again. */
export interface LoadedSettings<Schema extends TObject<ProcessProperties>> {
  readonly first: Settings<Static<Schema>>
  readonly pulled: PulledValues | null
  /** Reads everything again, with these pulled values. */
  readonly read: (pulled: PulledValues | null) => Settings<Static<Schema>>
  /** To be followed. */
  readonly folders: readonly string[]
  /** To be followed, and to be closed. */
  readonly server: SettingsServer | null
}

/** What is needed to reach the server that other settings come from: from the environment alone. */
const REACHES_SERVER = ['tlsCertificatePath', 'tlsPrivateKeyPath', 'tlsCaPath', 'peerAddresses'] as const

/**
 * Loads the settings of a process from wherever the environment says they are.
 * @throws `SALLYPORT_CONFIGURATION_INVALID`, and where the server or its snapshot is refused their codes
 */
export async function loadProcessSettings<Schema extends TObject<ProcessProperties>>(
  definition: NamedDefinition<Schema>,
  environment: Environment,
  times?: PullTimes
): Promise<LoadedSettings<Schema>> {
  const { name, settings: schema, prefix } = definition
  const places = readSettingsPlaces(name, schema, prefix, environment)
  const read = (pulled: PulledValues | null): Settings<Static<Schema>> => {
    const settings = readProcessSettings(definition, environment, placedSources(places, pulled))
    refuseMisplaced(settings, places)
    return settings
  }
  const folders = settingsFolders(schema, prefix, places, environment)
  const server = await reachServer(definition, places, environment)
  if (server === null) return { first: read(null), pulled: null, read, folders, server }
  try {
    const pulled = await pullAtStart(server, times)
    const first = read(pulled)
    return { first, pulled, read, folders, server }
  } catch (error) {
    await server.close()
    throw error
  }
}

/** The settings that say where settings are cannot be in what they point to: they would be believed by nobody. */
function refuseMisplaced(settings: Settings<unknown>, places: SettingsPlaces): void {
  const own = ['settingsFiles', 'settingsDirectories']
  const misplaced = settings
    .explain()
    .filter(
      ({ setting, origin }) =>
        (own.includes(setting) ||
          setting.startsWith('configuration') ||
          (places.configurationUrl !== undefined && REACHES_SERVER.some(key => key === setting))) &&
        !/^(default|not set|environment )|\(environment [A-Z0-9_]+\)$/.test(origin)
    )
    .map(({ setting, origin }) => `  ${setting}: is read from the environment alone (${origin})`)
  if (misplaced.length > 0) {
    throw new errors.ConfigurationError(['Settings in the wrong place:', ...misplaced].join('\n'))
  }
}

async function reachServer<Schema extends TObject<ProcessProperties>>(
  { name, settings: schema, prefix }: NamedDefinition<Schema>,
  places: SettingsPlaces,
  environment: Environment
): Promise<SettingsServer | null> {
  if (places.configurationUrl === undefined) return null
  const { tlsCertificatePath, tlsPrivateKeyPath, tlsCaPath, peerAddresses, logLevel } = schema.properties
  const part = Type.Object({ tlsCertificatePath, tlsPrivateKeyPath, tlsCaPath, peerAddresses, logLevel })
  const { values } = loadSettings({
    schema: part,
    environment: environmentOf(part, prefix, environment),
    ...defined({ prefix })
  })
  const { tlsCertificatePath: certificatePath, tlsPrivateKeyPath: privateKeyPath, tlsCaPath: caPath } = values
  const tls =
    certificatePath === undefined || privateKeyPath === undefined || caPath === undefined
      ? null
      : await loadTlsMaterial({ certificatePath, privateKeyPath, caPath })
  return openSettingsServer(name, places, tls, addressTable(values.peerAddresses), bootLog(name, values.logLevel))
}
