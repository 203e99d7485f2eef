import type { LiveSettings } from '@sallyport/configuration'
import { createPeerAgent, loadTlsMaterial, type TlsMaterial } from '@sallyport/secure-transport'
import type { Measurement } from '@sallyport/security-context'
import type { Knex } from 'knex'
import type { Agent } from 'undici'
import { buildFacts } from './build-facts.ts'
import { countDatabaseTime } from './count-database-time.ts'
import { databaseAnswers, openDatabase } from './connect-database.ts'
import { openDiscovery, type Discovery } from './discovery.ts'
import { DatabaseUrlError } from './errors.ts'
import type { ExceptionSink } from './exceptions/exception-log.ts'
import { openOtlpExceptionSink } from './exceptions/otlp-exception-sink.ts'
import { databaseMeasurements } from './measure-database.ts'
import { peerMeasurements, type CountingAgent } from './measure-peers.ts'
import { measurementsOfProcess } from './measure-process.ts'
import type { DiscoveryLog } from './options.ts'
import { openTracing } from './open-tracing.ts'
import type { ProcessSettings } from './settings.ts'
import type { Tracing } from './tracing-contract.ts'
import type { WorkerLink } from './workers/worker-link.ts'

/** The context of `connect`; everything in it is closed after the app, in reverse order. */
export interface ProcessContext {
  readonly name: string
  /** Own certificate and the authorities of the peers; `null` for plain HTTP on loopback. */
  readonly tls: TlsMaterial | null
  /** Calls peers, whose certificates it verifies; `null` without TLS material. */
  readonly peers: Agent | null
  /**
   * Another agent like `peers`, with connections and queues of its own: for calls that must not wait for those of
   * `peers`.
   */
  readonly openPeers: () => Agent | null
  /** `peerAddresses` by name, for agents that the process makes itself. */
  readonly peerAddresses: Readonly<Record<string, string>>
  readonly tracing: Tracing
  /**
   * The pool of the app role. Reading it throws `SALLYPORT_PROCESS_DATABASE_URL_INVALID` where the settings name no
   * database, which only those of {@link optionalDatabase} can.
   */
  readonly database: Knex
  /** The same, `null` without a database. */
  readonly optionalDatabase: Knex | null
  /**
   * Tries until it has what another process provides. It waits for the first attempt: a failure that will not go away
   * by itself ends the boot. `checks` gets a readiness check under the name of the discovery.
   */
  readonly discover: <Found>(name: string, attempt: () => Promise<Found>) => Promise<Discovery<Found>>
  /** Readiness checks of what the process has opened, by name: `database`, and each discovery. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>
  /** Closes something of the service after the app. */
  readonly closeLater: (close: () => Promise<unknown>) => void
  /**
   * Makes SIGHUP read something again, a file of routes or of keys, in place of ending the process. What rejects is
   * logged, and the process goes on.
   */
  readonly readAgainAtHangup: (readAgain: () => Promise<void>) => void
  /** `process.env`, for references in files; settings are read already. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Remembers what may be used once for all workers; `null` for a process that runs alone. */
  readonly rememberOnce: WorkerLink['rememberOnce'] | null
}

/** A context, and its end. */
export interface OpenContext {
  readonly context: ProcessContext
  /** Closes everything in reverse order; a failure does not keep the others from closing. */
  readonly close: () => Promise<void>
  /** What SIGHUP does; `undefined` when nothing asked for it. */
  readonly readAgain: () => (() => Promise<void>) | undefined
  /** What operators watch of what the process has opened. */
  readonly measurements: readonly Measurement[]
  /** Where exceptions are reported, beside the log. */
  readonly exceptionSinks: readonly ExceptionSink[]
}

/** What a context is opened with. */
export interface ContextFacts {
  readonly name: string
  readonly settings: ProcessSettings
  readonly live: LiveSettings<ProcessSettings>
  /** Whether a caller's `traceparent` is continued. */
  readonly acceptTraces: boolean
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly log: DiscoveryLog
  /** `null` for a process that is not one of several workers. */
  readonly link?: WorkerLink | null
}

/**
 * Opens what every process has: TLS material, the agent for its peers, tracing, the database pool.
 * @throws the codes of secure-transport, `SALLYPORT_PROCESS_DATABASE_URL_INVALID`
 */
export async function openContext(facts: ContextFacts): Promise<OpenContext> {
  const { name, settings, live, acceptTraces, environment, log, link = null } = facts
  const closing: Array<() => Promise<unknown>> = []
  const readings: Array<() => Promise<void>> = []
  const checks: Record<string, () => Promise<void>> = {}
  const tls = await loadProcessMaterial(settings)
  const addresses = addressTable(settings.peerAddresses)
  const { tracing, followDatabase, measurements } = openTracing({
    name,
    settings,
    acceptTraces,
    tls,
    addresses,
    log
  })
  const { databaseUrl } = settings
  const opened = databaseUrl === undefined ? null : openDatabase({ ...settings, databaseUrl })
  if (opened !== null) live.subscribe(opened.subscriber)
  const pool = opened?.pool ?? null
  closing.push(() => tracing.close())
  if (pool !== null) closing.push(() => pool.destroy())
  if (pool !== null && databaseUrl !== undefined) {
    countDatabaseTime(pool)
    followDatabase(pool, databaseUrl)
  }

  const exceptionSink = openOtlpExceptionSink({ settings, serviceName: name, tls, addresses })
  if (exceptionSink !== null) closing.push(exceptionSink.close)

  const agents: CountingAgent[] = []
  function openPeers(): Agent | null {
    if (tls === null) return null
    const agent = createPeerAgent({ ...tls, addresses })
    closing.push(() => agent.close())
    agents.push(agent)
    return agent
  }

  const peers = openPeers()
  if (pool !== null) checks.database = databaseAnswers(pool)

  async function discover<Found>(what: string, attempt: () => Promise<Found>): Promise<Discovery<Found>> {
    const discovery = openDiscovery({ name: what, attempt, log })
    closing.push(async () => {
      discovery.close()
    })
    checks[what] = discovery.ready
    await discovery.attempted
    return discovery
  }

  return {
    context: {
      name,
      tls,
      peers,
      openPeers,
      peerAddresses: addresses,
      tracing,
      get database() {
        if (pool === null) throw new DatabaseUrlError('is missing')
        return pool
      },
      optionalDatabase: pool,
      discover,
      checks,
      closeLater: close => {
        closing.push(close)
      },
      readAgainAtHangup: readAgain => {
        readings.push(readAgain)
      },
      environment,
      rememberOnce: link?.rememberOnce ?? null
    },
    measurements: [
      ...measurementsOfProcess({ build: buildFacts(settings.commit), tls }),
      ...(pool === null ? [] : databaseMeasurements(pool)),
      ...peerMeasurements(() => agents),
      ...measurements
    ],
    exceptionSinks: exceptionSink === null ? [] : [exceptionSink],
    readAgain: () => (readings.length === 0 ? undefined : async () => await readAll(readings)),
    close: async () => {
      for (const close of closing.reverse()) {
        await close().catch((err: unknown) => {
          log.warn({ err }, 'closing')
        })
      }
    }
  }
}

/** One after the other; the first failure does not keep the others from being read. */
async function readAll(readings: ReadonlyArray<() => Promise<void>>): Promise<void> {
  const failures: unknown[] = []
  for (const readAgain of readings) {
    await readAgain().catch((error: unknown) => {
      failures.push(error)
    })
  }
  if (failures.length > 0) throw failures[0]
}

/** The material that the settings name; {@link processSettingsMistakes} has checked that it is all or nothing. */
export async function loadProcessMaterial(
  settings: Pick<ProcessSettings, 'tlsCertificatePath' | 'tlsPrivateKeyPath' | 'tlsCaPath'>
): Promise<TlsMaterial | null> {
  const { tlsCertificatePath: certificatePath, tlsPrivateKeyPath: privateKeyPath, tlsCaPath: caPath } = settings
  if (certificatePath === undefined || privateKeyPath === undefined || caPath === undefined) return null
  return await loadTlsMaterial({ certificatePath, privateKeyPath, caPath })
}

/** `name=address` pairs as a table. */
export function addressTable(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map(pair => {
      const at = pair.indexOf('=')
      return [pair.slice(0, at), pair.slice(at + 1)]
    })
  )
}
