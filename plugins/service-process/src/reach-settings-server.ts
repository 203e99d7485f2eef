import { basicServerAuthorization, errors, loadSettings, type ServerAuthorization } from '@sallyport/configuration'
import { createPeerAgent, publicAuthorities } from '@sallyport/secure-transport'
import { defined } from '@sallyport/security-context/mechanics'
import Type, { type TObject } from 'typebox'
import type { Dispatcher } from 'undici'
import { bootLog } from './boot-log.ts'
import { addressTable, loadProcessMaterial } from './process-context.ts'
import { openSettingsServer, type SettingsServer } from './pull-settings.ts'
import { readSettingsPlaces, variablesOfSettings, type SettingsPlaces } from './settings-sources.ts'
import type { ProcessProperties } from './settings.ts'

/** A process as a client of its issuer, which asks for a token for the configuration server. */
export interface ConfigurationTokenFacts {
  readonly issuer: string
  readonly clientId: string
  /** Read for each question: its file may have changed. */
  readonly clientSecret: () => string
  readonly audience: string
  readonly scope: string
  readonly dispatcher: Dispatcher
}

/** Opens a source of tokens for a configuration server: `createClientTokenSource` of `@sallyport/token-exchange`. */
export type OpenConfigurationTokens = (facts: ConfigurationTokenFacts) => {
  readonly get: () => Promise<string>
  /** The server refuses the token. */
  readonly drop: () => void
}

/** What is needed to reach the server that other settings come from: from the environment alone. */
const REACHES_SERVER = ['tlsCertificatePath', 'tlsPrivateKeyPath', 'tlsCaPath', 'peerAddresses']
const PROVES_CLIENT = ['issuer', 'clientId', 'clientSecret'] as const
/** A client for this purpose alone. */
const PROVES_OTHER_CLIENT = ['issuer', 'configurationClientId', 'configurationClientSecret'] as const
const READ_SCOPE = 'config:read'

/** Settings that a configuration server is reached with, by their places. */
export function settingsToReachServer(places: SettingsPlaces): readonly string[] {
  if (places.configurationUrl === undefined) return []
  return places.configurationAudience === undefined ? REACHES_SERVER : [...REACHES_SERVER, ...settingsOfClient(places)]
}

/** Issuer, client and secret. */
function settingsOfClient({ configurationClientId }: SettingsPlaces) {
  return configurationClientId === undefined ? PROVES_CLIENT : PROVES_OTHER_CLIENT
}

/** Who reaches a configuration server, and how it proves itself. */
export interface ReachingProcess {
  readonly name: string
  readonly settings: TObject<ProcessProperties>
  readonly prefix?: string
  readonly configurationToken?: OpenConfigurationTokens
}

/**
 * Opens the configuration server that the environment names.
 * @returns `null` when it names none
 * @throws `SALLYPORT_CONFIGURATION_INVALID`, and the codes of TLS material
 */
export async function reachSettingsServer(
  definition: ReachingProcess,
  places: SettingsPlaces,
  environment: Readonly<Record<string, string | undefined>>
): Promise<SettingsServer | null> {
  const { configurationUrl } = places
  if (configurationUrl === undefined) return null
  const { name, settings: schema, prefix } = definition
  const own = new Set([...settingsToReachServer(places), 'logLevel'])
  const part = Type.Object(
    Object.fromEntries(Object.entries(schema.properties).filter(([key]) => own.has(key)))
  ) as TObject<Pick<ProcessProperties, 'logLevel' | 'peerAddresses' | TlsPath>>
  const read = () =>
    loadSettings({ schema: part, environment: variablesOfSettings(part, prefix, environment), ...defined({ prefix }) })
      .values
  const values = read()
  // Secrets among them may be in files that change. One that cannot be read leaves the last ones as good as they were.
  const currentPlaces = lastGood(places, () => readSettingsPlaces(name, schema, prefix, environment))
  const dispatcher = createPeerAgent({
    ...((await loadProcessMaterial(values)) ?? { ca: publicAuthorities() }),
    addresses: addressTable(values.peerAddresses)
  })
  try {
    return openSettingsServer({
      name,
      places: { ...places, configurationUrl },
      currentPlaces,
      dispatcher,
      log: bootLog(name, values.logLevel),
      ...defined({ authorization: serverAuthorization(definition, currentPlaces, read, dispatcher) })
    })
  } catch (error) {
    await dispatcher.close()
    throw error
  }
}

type TlsPath = 'tlsCertificatePath' | 'tlsPrivateKeyPath' | 'tlsCaPath'

/** What `read` answers, or what it answered last where it throws. */
function lastGood<Value>(first: Value, read: () => Value): () => Value {
  let last = first
  return () => {
    try {
      last = read()
    } catch {
      // The settings are refused for the same reason, with a message.
    }
    return last
  }
}

function serverAuthorization(
  { configurationToken }: ReachingProcess,
  currentPlaces: () => SettingsPlaces,
  read: () => Readonly<Record<string, unknown>>,
  dispatcher: Dispatcher
): ServerAuthorization | undefined {
  const places = currentPlaces()
  const { configurationAudience: audience, configurationCredentials: credentials } = places
  if (credentials !== undefined) {
    return basicServerAuthorization(() => currentPlaces().configurationCredentials ?? credentials)
  }
  if (audience === undefined) return undefined
  const values = read()
  const [, , secretName] = settingsOfClient(places)
  const [issuer, clientId, firstSecret] = settingsOfClient(places).map(key => values[key])
  if (
    configurationToken === undefined ||
    typeof issuer !== 'string' ||
    typeof clientId !== 'string' ||
    typeof firstSecret !== 'string'
  ) {
    throw new errors.ConfigurationError(
      'configurationAudience: only a client of an issuer gets tokens, with issuer, clientId and clientSecret'
    )
  }
  const secrets = lastGood<unknown>(firstSecret, () => read()[secretName] ?? firstSecret)
  const clientSecret = (): string => {
    const now = secrets()
    return typeof now === 'string' ? now : firstSecret
  }
  const tokens = configurationToken({ issuer, clientId, clientSecret, audience, scope: READ_SCOPE, dispatcher })
  return { header: async () => `Bearer ${await tokens.get()}`, refused: tokens.drop }
}
