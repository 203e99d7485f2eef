import { dirname } from 'node:path'
import {
  isDocumentToken,
  isProfileList,
  loadSettings,
  settingsReference,
  type PulledValues,
  type Settings
} from '@sallyport/configuration'
import { defined, readKeyRing } from '@sallyport/security-context/mechanics'
import Type, { type Static, type TObject } from 'typebox'

const paths = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1 }), { separator: ' ', description }))

/** Where else than in the environment settings are; read from the environment alone. */
export function sourceSettings() {
  return {
    settingsFiles: paths('JSON or YAML files of settings, a later one wins; followed, as are the directories.'),
    settingsDirectories: paths(
      'Mounted directories of settings, one file each, as of a ConfigMap or a Secret; they win over the files.'
    )
  }
}

/**
 * For a process whose settings may be pulled from a configuration server: to be spread after `processSettings`. All of
 * them are read from the environment alone.
 */
export function configurationServerSettings() {
  return {
    configurationUrl: Type.Optional(
      Type.String({ format: 'secure-url', description: 'The configuration server. Left out: nothing is pulled.' })
    ),
    configurationApplication: Type.Optional(
      Type.String({ description: 'The name of this process at that server; its own when left out.' })
    ),
    configurationProfile: Type.Optional(
      Type.String({
        description:
          'The profile whose settings are pulled, or several with commas between them; `default` when left out.'
      })
    ),
    configurationLabel: Type.Optional(Type.String({ description: 'Their label; `main` when left out.' })),
    configurationCredentials: Type.Optional(
      Type.String({
        secret: true,
        live: true,
        pattern: '^[^:]+:.{16,}$',
        description: '`user:password` at that server.'
      })
    ),
    configurationAudience: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'The audience of the tokens for that server, which this process gets as a client of its issuer. Left out: ' +
          'no tokens.'
      })
    ),
    configurationClientId: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The OAuth client that gets these tokens; that of the process when left out.'
      })
    ),
    configurationClientSecret: Type.Optional(
      Type.String({
        secret: true,
        live: true,
        minLength: 32,
        demoPrefix: 'demo-',
        description: 'The secret of that client.'
      })
    ),
    configurationSnapshotPath: Type.Optional(
      Type.String({ minLength: 1, description: 'The file that keeps what was pulled last, encrypted.' })
    ),
    configurationSnapshotKeys: Type.Optional(
      Type.String({
        secret: true,
        live: true,
        minLength: 32,
        description: 'Key ring of that file, newest first: `id:base64url` of 32 bytes each, separated by spaces.'
      })
    ),
    configurationOutage: Type.Optional(
      Type.String({
        pattern: '^(fail|snapshot|start-with-defaults)$',
        description:
          'What a start does without the server: `fail`, `snapshot` (it fails without one), `start-with-defaults` ' +
          '(which may be looser than what the server says); `snapshot` when left out.'
      })
    )
  }
}

const sources = Type.Object({ ...sourceSettings(), ...configurationServerSettings() })

/** Where the settings of a process are. */
export type SettingsPlaces = Settings<Static<typeof sources>>['values']

/**
 * Reads where the settings are, from the environment.
 * @param name of the process, which is its application at the configuration server
 * @throws `SALLYPORT_CONFIGURATION_INVALID`
 */
export function readSettingsPlaces(
  name: string,
  schema: TObject,
  prefix: string | undefined,
  environment: Readonly<Record<string, string | undefined>>
): SettingsPlaces {
  const own = Object.entries(sources.properties).filter(([key]) => Object.hasOwn(schema.properties, key))
  const part = Type.Object(Object.fromEntries(own)) as typeof sources
  return loadSettings({
    schema: part,
    environment: variablesOfSettings(part, prefix, environment),
    ...defined({ prefix }),
    mistakes: places => placesMistakes(name, places)
  }).values
}

function placesMistakes(name: string, places: SettingsPlaces): string[] {
  const { configurationUrl, configurationSnapshotPath: path, configurationSnapshotKeys: keys } = places
  const { configurationProfile = 'default', configurationLabel = 'main', configurationApplication = name } = places
  const mistakes: string[] = []
  const names = { configurationApplication, configurationProfile, configurationLabel }
  if (configurationUrl !== undefined) {
    for (const [what, token] of Object.entries(names)) {
      const isRight = what === 'configurationProfile' ? isProfileList : isDocumentToken
      if (!isRight(token)) mistakes.push(`${what}: letters, digits, \`_\`, \`.\` and \`-\`, and no path`)
    }
  }
  if (places.configurationAudience !== undefined && places.configurationCredentials !== undefined) {
    mistakes.push('configurationAudience and configurationCredentials exclude each other')
  }
  const { configurationClientId: clientId, configurationClientSecret: clientSecret } = places
  if ((clientId === undefined) !== (clientSecret === undefined)) {
    mistakes.push('configurationClientId and configurationClientSecret belong together')
  }
  if (clientId !== undefined && places.configurationAudience === undefined) {
    mistakes.push('configurationClientId: gets no token without configurationAudience')
  }
  if ((path === undefined) !== (keys === undefined)) {
    mistakes.push('configurationSnapshotPath and configurationSnapshotKeys belong together')
  }
  if (keys !== undefined) mistakes.push(...readKeyRing(keys, 'configurationSnapshotKeys: snapshot key').mistakes)
  return mistakes
}

/** The variables of these settings alone. */
export function variablesOfSettings(
  schema: TObject,
  prefix: string | undefined,
  environment: Readonly<Record<string, string | undefined>>
): Record<string, string | undefined> {
  const names = settingsReference(schema, prefix).flatMap(({ variable }) => [variable, `${variable}_FILE`])
  return Object.fromEntries(names.map(name => [name, environment[name]]))
}

/** The folders whose files say settings: they are followed. */
export function settingsFolders(
  schema: TObject,
  prefix: string | undefined,
  places: SettingsPlaces,
  environment: Readonly<Record<string, string | undefined>>
): readonly string[] {
  const files = Object.entries(variablesOfSettings(schema, prefix, environment)).flatMap(([name, path]) =>
    name.endsWith('_FILE') && path !== undefined ? [path] : []
  )
  const { settingsDirectories = [], settingsFiles = [] } = places
  return [...new Set([...settingsDirectories, ...[...settingsFiles, ...files].map(path => dirname(path))])]
}

/** What `loadSettings` needs beside the schema and the environment. */
export interface PlacedSources {
  readonly files: readonly string[]
  readonly directories: readonly string[]
  readonly pulled?: PulledValues
}

/** The places as options of `loadSettings`. */
export function placedSources(places: SettingsPlaces, pulled: PulledValues | null): PlacedSources {
  const { settingsFiles: files = [], settingsDirectories: directories = [] } = places
  return { files, directories, ...(pulled !== null && { pulled }) }
}
