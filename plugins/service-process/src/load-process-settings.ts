import { errors, type PulledValues, type ServerDocument, type Settings } from '@sallyport/configuration'
import type { Static, TObject } from 'typebox'
import { startWithServer, type PullTimes, type SettingsServer } from './pull-settings.ts'
import { reachSettingsServer, settingsToReachServer, type OpenConfigurationTokens } from './reach-settings-server.ts'
import { readProcessSettings, type SettingsDefinition } from './read-process-settings.ts'
import type { ProcessProperties, ProcessSettings } from './settings.ts'
import { placedSources, readSettingsPlaces, settingsFolders, type SettingsPlaces } from './settings-sources.ts'

type ProcessVariables = Readonly<Record<string, string | undefined>>

/** A definition with the name of its process. */
export interface NamedDefinition<Schema extends TObject<ProcessProperties>> extends SettingsDefinition<Schema> {
  /** Name of the process: in its log, its traces, and the messages to its parent. */
  readonly name: string
  /** How the process gets tokens for a configuration server that wants them. */
  readonly configurationToken?: OpenConfigurationTokens
}

/** The settings a process starts with, and how they are read again. */
export interface LoadedSettings<Schema extends TObject<ProcessProperties>> {
  readonly first: Settings<Static<Schema>>
  readonly pulled: PulledValues | null
  /** What the server said, to be kept once the process runs; `null` where it starts without it. */
  readonly document: ServerDocument | null
  /** Reads everything again, with these pulled values. */
  readonly read: (pulled: PulledValues | null) => Settings<Static<Schema>>
  /** To be followed. */
  readonly folders: readonly string[]
  /** To be followed, and to be closed. */
  readonly server: SettingsServer | null
}

/**
 * Loads the settings of a process from wherever the environment says they are.
 * @throws `SALLYPORT_CONFIGURATION_INVALID`, and where the server or its snapshot is refused their codes
 */
export async function loadProcessSettings<Schema extends TObject<ProcessProperties>>(
  definition: NamedDefinition<Schema>,
  environment: ProcessVariables,
  times?: PullTimes
): Promise<LoadedSettings<Schema>> {
  const { name, settings: schema, prefix } = definition
  const places = readSettingsPlaces(name, schema, prefix, environment)
  const read = (pulled: PulledValues | null): Settings<Static<Schema>> => {
    // What is wrong with the secrets among them is a mistake at every reading, not only at the first.
    readSettingsPlaces(name, schema, prefix, environment)
    const settings = readProcessSettings(definition, environment, placedSources(places, pulled))
    refuseMisplaced(settings, places)
    refuseSilence(settings, pulled)
    return settings
  }
  const folders = settingsFolders(schema, prefix, places, environment)
  const server = await reachSettingsServer(definition, places, environment)
  if (server === null) return { first: read(null), pulled: null, document: null, read, folders, server }
  try {
    return { ...(await startWithServer(server, read, times)), read, folders, server }
  } catch (error) {
    await server.close()
    throw error
  }
}

/** Whoever writes at a configuration server cannot end the logs of all processes: nobody hides what happens. */
function refuseSilence({ values, origins }: Settings<ProcessSettings>, pulled: PulledValues | null): void {
  if (pulled === null || values.logLevel !== 'silent' || origins.logLevel !== pulled.origin) return
  throw new errors.ConfigurationError(`logLevel: silent is only ever pushed (${pulled.origin})`)
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
          settingsToReachServer(places).includes(setting)) &&
        !/^(default|not set|environment )|\(environment [A-Z0-9_]+\)$/.test(origin)
    )
    .map(({ setting, origin }) => `  ${setting}: is read from the environment alone (${origin})`)
  if (misplaced.length > 0) {
    throw new errors.ConfigurationError(['Settings in the wrong place:', ...misplaced].join('\n'))
  }
}
