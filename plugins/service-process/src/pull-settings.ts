import { setTimeout as delay } from 'node:timers/promises'
import { getCACertificates } from 'node:tls'
import {
  createConfigurationClient,
  readSnapshot,
  waitBeforeQuestion,
  writeSnapshot,
  type ConfigurationClient,
  type PulledValues,
  type SendToServer,
  type ServerDocument,
  type SnapshotFile
} from '@sallyport/configuration'
import { createPeerAgent, type TlsMaterial } from '@sallyport/secure-transport'
import { defined, readKeyRing } from '@sallyport/security-context/mechanics'
import { fetch, type Dispatcher } from 'undici'
import type { DiscoveryLog } from './options.ts'
import type { SettingsPlaces } from './settings-sources.ts'

/** A configuration server as this process uses it. */
export interface SettingsServer {
  readonly client: ConfigurationClient
  /** `null`: nothing is kept. */
  readonly snapshot: SnapshotFile | null
  readonly outage: string
  readonly log: DiscoveryLog
  readonly close: () => Promise<void>
}

/** How the attempts of a start are spaced. */
export interface PullTimes {
  readonly wait?: (ms: number) => Promise<unknown>
  /** 0 to 1. */
  readonly random?: () => number
}

const ATTEMPTS_AT_START = 4
const LONGEST_WAIT_MS = 4000

/**
 * Opens the configuration server that the settings name.
 * @param name of the process: its application at the server
 * @returns `null` when they name none
 */
export function openSettingsServer(
  name: string,
  places: SettingsPlaces,
  tls: TlsMaterial | null,
  addresses: Readonly<Record<string, string>>,
  log: DiscoveryLog
): SettingsServer | null {
  const { configurationUrl: url, configurationSnapshotPath: path, configurationSnapshotKeys: keys } = places
  if (url === undefined) return null
  const { configurationProfile: profile = 'default', configurationLabel: label = 'main' } = places
  const dispatcher = createPeerAgent({ ...(tls ?? { ca: getCACertificates('default').join('\n') }), addresses })
  const document = { application: name, profile, label }
  return {
    client: createConfigurationClient({
      ...document,
      url,
      send: sendBy(dispatcher),
      ...defined({ credentials: places.configurationCredentials })
    }),
    snapshot:
      path === undefined || keys === undefined
        ? null
        : { path, keys: readKeyRing(keys, 'snapshot key').keys, name: document },
    outage: places.configurationOutage ?? 'snapshot',
    log,
    close: async () => {
      await dispatcher.close()
    }
  }
}

function sendBy(dispatcher: Dispatcher): SendToServer {
  return async (url, init) => await fetch(url, { ...init, dispatcher })
}

/**
 * What a process starts with: the document of the server, tried several times; else what its setting for an outage
 * says.
 * @returns `null` to start with what was pushed and with defaults
 * @throws the last failure of the server, or the reason why the snapshot is refused
 */
export async function pullAtStart(server: SettingsServer, times: PullTimes = {}): Promise<PulledValues | null> {
  const { client, snapshot, outage, log } = server
  const { wait = delay, random = Math.random } = times
  for (let failures = 1; ; failures++) {
    try {
      const document = await client.pull()
      return document === null ? null : pulledFrom(client, document)
    } catch (err) {
      if (failures < ATTEMPTS_AT_START) {
        await wait(waitBeforeQuestion(failures, LONGEST_WAIT_MS, random()))
        continue
      }
      if (outage === 'fail') throw err
      const kept = snapshot === null ? null : readSnapshot(snapshot)
      if (kept !== null) {
        log.warn({ err, version: kept.version }, 'the process starts with the snapshot of pulled settings')
        return { values: kept.values, origin: `snapshot of the ${client.origin}${versionText(kept)}` }
      }
      if (outage !== 'start-with-defaults') throw err
      log.warn({ err }, 'the process starts without pulled settings')
      return null
    }
  }
}

/** A document as a source of settings. */
export function pulledFrom(client: ConfigurationClient, document: ServerDocument): PulledValues {
  return { values: document.values, origin: `${client.origin}${versionText(document)}` }
}

/** Keeps a document that the process has taken. A file that cannot be written is logged: the settings are in use. */
export function keepSnapshot({ snapshot, log }: SettingsServer, document: ServerDocument): void {
  if (snapshot === null) return
  try {
    writeSnapshot(snapshot, document)
  } catch (err) {
    log.warn({ err }, 'the snapshot of pulled settings could not be written')
  }
}

function versionText({ version }: ServerDocument): string {
  return version === null ? '' : ` (version ${version.slice(0, 64)})`
}
