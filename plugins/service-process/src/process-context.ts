import { createPeerAgent, loadTlsMaterial, type TlsMaterial } from '@sallyport/secure-transport'
import type { Knex } from 'knex'
import type { Agent } from 'undici'
import { connectDatabase, databaseAnswers } from './connect-database.ts'
import { openDiscovery, type Discovery } from './discovery.ts'
import type { DiscoveryLog } from './options.ts'
import type { ProcessSettings } from './settings.ts'
import { startTracing, type Tracing } from './tracing.ts'

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
  readonly tracing: Tracing
  /** The pool of the app role. */
  readonly database: Knex
  /**
   * Tries until it has what another process provides. It waits for the first attempt: a failure that will not go away
   * by itself ends the boot. `checks` gets a readiness check under the name of the discovery.
   */
  readonly discover: <Found>(name: string, attempt: () => Promise<Found>) => Promise<Discovery<Found>>
  /** Readiness checks of what the process has opened, by name: `database`, and each discovery. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>
  /** Closes something of the service after the app. */
  readonly closeLater: (close: () => Promise<unknown>) => void
}

/** A context, and its end. */
export interface OpenContext {
  readonly context: ProcessContext
  /** Closes everything in reverse order; a failure does not keep the others from closing. */
  readonly close: () => Promise<void>
}

/**
 * Opens what every process has: TLS material, the agent for its peers, tracing, the database pool.
 * @param acceptTraces whether a caller's `traceparent` is continued
 * @throws the codes of secure-transport, `SALLYPORT_PROCESS_DATABASE_URL_INVALID`
 */
export async function openContext(
  name: string,
  settings: ProcessSettings,
  acceptTraces: boolean,
  log: DiscoveryLog
): Promise<OpenContext> {
  const closing: Array<() => Promise<unknown>> = []
  const checks: Record<string, () => Promise<void>> = {}
  const tls = await loadMaterial(settings)
  const tracing = startTracing({ serviceName: name, acceptIncoming: acceptTraces })
  const database = connectDatabase(settings)
  closing.push(
    () => tracing.close(),
    () => database.destroy()
  )

  function openPeers(): Agent | null {
    if (tls === null) return null
    const agent = createPeerAgent({ ...tls, addresses: addressTable(settings.peerAddresses) })
    closing.push(() => agent.close())
    return agent
  }

  const peers = openPeers()
  checks.database = databaseAnswers(database)

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
      tracing,
      database,
      discover,
      checks,
      closeLater: close => {
        closing.push(close)
      }
    },
    close: async () => {
      for (const close of closing.reverse()) {
        await close().catch((err: unknown) => {
          log.warn({ err }, 'closing')
        })
      }
    }
  }
}

/** The material that the settings name; {@link processSettingsMistakes} has checked that it is all or nothing. */
async function loadMaterial(settings: ProcessSettings): Promise<TlsMaterial | null> {
  const { tlsCertificatePath: certificatePath, tlsPrivateKeyPath: privateKeyPath, tlsCaPath: caPath } = settings
  if (certificatePath === undefined || privateKeyPath === undefined || caPath === undefined) return null
  return await loadTlsMaterial({ certificatePath, privateKeyPath, caPath })
}

/** `name=address` pairs as a table. */
function addressTable(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map(pair => {
      const at = pair.indexOf('=')
      return [pair.slice(0, at), pair.slice(at + 1)]
    })
  )
}
