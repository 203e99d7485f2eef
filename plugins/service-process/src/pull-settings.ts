import { setTimeout as delay } from 'node:timers/promises'
import {
  createConfigurationClient,
  errors,
  readSettingsSnapshot,
  waitBeforeQuestion,
  writeSettingsSnapshot,
  type ConfigurationClient,
  type PulledValues,
  type SendToServer,
  type ServerAuthorization,
  type ServerDocument,
  type SnapshotFile
} from '@sallyport/configuration'
import { defined, readKeyRing } from '@sallyport/security-context/mechanics'
import type { FastifyBaseLogger } from 'fastify'
import { fetch, type Dispatcher } from 'undici'
import type { SettingsPlaces } from './settings-sources.ts'

/** A configuration server as this process uses it. */
export interface SettingsServer {
  readonly client: ConfigurationClient
  /** With the keys of now; `null`: nothing is kept. */
  readonly snapshot: () => SnapshotFile | null
  readonly outage: string
  readonly log: Pick<FastifyBaseLogger, 'warn' | 'error'>
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

/** How a configuration server is reached. */
export interface SettingsServerFacts {
  /** Of the process: its application at the server, unless the places name another. */
  readonly name: string
  readonly places: SettingsPlaces & { readonly configurationUrl: string }
  /** The same places, with the secrets of now. */
  readonly currentPlaces: () => SettingsPlaces
  /** Closed with the server. */
  readonly dispatcher: Dispatcher
  readonly authorization?: ServerAuthorization
  readonly log: Pick<FastifyBaseLogger, 'warn' | 'error'>
}

/** Opens a configuration server; nothing is asked yet. */
export function openSettingsServer(facts: SettingsServerFacts): SettingsServer {
  const { name, places, currentPlaces, dispatcher, authorization, log } = facts
  const { configurationUrl: url } = places
  const {
    configurationApplication: application = name,
    configurationProfile: profile = 'default',
    configurationLabel: label = 'main'
  } = places
  const document = { application, profile, label }
  return {
    client: createConfigurationClient({ ...document, url, send: sendBy(dispatcher), ...defined({ authorization }) }),
    snapshot: () => {
      const { configurationSnapshotPath: path, configurationSnapshotKeys: keys } = currentPlaces()
      return path === undefined || keys === undefined
        ? null
        : { path, keys: readKeyRing(keys, 'snapshot key').keys, name: document }
    },
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

/** What a process starts with. */
export interface PulledStart<Taken> {
  readonly first: Taken
  /** `null`: nothing was pulled. */
  readonly pulled: PulledValues | null
  /** What the server said, `null` where the process starts without it. */
  readonly document: ServerDocument | null
}

/**
 * Starts with the document of the server, tried several times; where it does not answer, or its document is refused,
 * with what the setting for an outage says.
 * @param read takes pulled values, or throws the reason why not
 * @throws the last failure of the server, the refusal of its document, or the reason why the snapshot is refused
 */
export async function startWithServer<Taken>(
  server: SettingsServer,
  read: (pulled: PulledValues | null) => Taken,
  times: PullTimes = {}
): Promise<PulledStart<Taken>> {
  const { client, outage, log } = server
  let document: ServerDocument | null
  try {
    document = await pullPatiently(server, times)
  } catch (err) {
    if (outage === 'fail') throw err
    const kept = keptValues(server)
    if (kept === null && outage !== 'start-with-defaults') throw err
    const first = read(kept)
    log.warn(
      { err },
      kept === null ? 'the process starts without pulled settings' : `the process starts with the ${kept.origin}`
    )
    return { first, pulled: kept, document: null }
  }
  const pulled = document === null ? null : pulledFrom(client, document)
  try {
    return { first: read(pulled), pulled, document }
  } catch (err) {
    // Asked for again, and refused again until it is right.
    client.forget()
    const kept = outage === 'fail' ? null : keptValues(server)
    if (kept === null) throw err
    const first = read(kept)
    log.error({ err }, `the document of the server is refused: the process starts with the ${kept.origin}`)
    return { first, pulled: kept, document: null }
  }
}

async function pullPatiently(
  { client }: SettingsServer,
  { wait = delay, random = Math.random }: PullTimes
): Promise<ServerDocument | null> {
  for (let failures = 1; ; failures++) {
    try {
      return await client.pull()
    } catch (error) {
      // What the server says at once it says again: a refusal, an application that it does not know.
      if (failures === ATTEMPTS_AT_START || error instanceof errors.ServerAnswerError) throw error
      await wait(waitBeforeQuestion(failures, LONGEST_WAIT_MS, random()))
    }
  }
}

/** What the snapshot keeps, `null` without one. */
function keptValues({ client, snapshot }: SettingsServer): PulledValues | null {
  const file = snapshot()
  const kept = file === null ? null : readSettingsSnapshot(file)
  if (kept === null) return null
  return { values: kept.values, origin: `snapshot of the ${client.origin}${versionText(kept)}` }
}

/** A document as a source of settings. */
export function pulledFrom(client: ConfigurationClient, document: ServerDocument): PulledValues {
  return { values: document.values, origin: `${client.origin}${versionText(document)}` }
}

/** Keeps a document that the process has taken. A file that cannot be written is logged: the settings are in use. */
export function keepSnapshot({ snapshot, log }: SettingsServer, document: ServerDocument): void {
  const file = snapshot()
  if (file === null) return
  try {
    writeSettingsSnapshot(file, document)
  } catch (err) {
    log.warn({ err }, 'the snapshot of pulled settings could not be written')
  }
}

function versionText({ version }: ServerDocument): string {
  return version === null ? '' : ` (version ${version.slice(0, 64)})`
}
