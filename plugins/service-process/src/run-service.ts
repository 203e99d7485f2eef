import cluster from 'node:cluster'
import configuration, { type LiveSettings } from '@sallyport/configuration'
import { refuseInsecureRuntime } from '@sallyport/secure-transport'
import { offerMeasurements } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import type { Static, TObject } from 'typebox'
import { bootLog } from './boot-log.ts'
import { buildFacts } from './build-facts.ts'
import { closeTimeoutFor, type DrainTimes } from './drain.ts'
import { serveInfo } from './info-route.ts'
import { settingsMeasurements } from './measure-settings.ts'
import { openContext, type ProcessContext } from './process-context.ts'
import { runApp, type StartedApp } from './run-app.ts'
import { followLogLevel, followSettings } from './follow-settings.ts'
import { openLiveSettings, type OpenLiveSettings } from './open-live-settings.ts'
import { loadProcessSettings, type LoadedSettings, type NamedDefinition } from './load-process-settings.ts'
import type { SettingsOf } from './read-process-settings.ts'
import type { ProcessProperties, ProcessSettings } from './settings.ts'
import { superviseWorkers, type SupervisedProcess } from './workers/supervise-workers.ts'
import { openWorkerLink } from './workers/worker-link.ts'
import { workerPlace, type WorkerPlace } from './workers/worker-place.ts'

/** What makes one process different from the others. */
export interface ProcessDefinition<
  Schema extends TObject<ProcessProperties>,
  Collaborators
> extends NamedDefinition<Schema> {
  /** Whether a caller's `traceparent` is continued; `false` where callers are strangers. Default `true`. */
  readonly acceptTraces?: boolean
  /**
   * The longest time limit of a call to another service, in ms: how long a request under way may go on when the process
   * ends.
   */
  readonly longestUpstreamMs?: (settings: SettingsOf<Schema>) => number
  /** Turns the settings into collaborators. What the context opens is closed after the app. */
  readonly connect: (
    settings: SettingsOf<Schema>,
    context: ProcessContext,
    live: LiveSettings<Static<Schema>>
  ) => Promise<Collaborators>
  /** Makes the app, not listening yet. */
  readonly build: (
    settings: SettingsOf<Schema>,
    collaborators: Collaborators,
    live: LiveSettings<Static<Schema>>
  ) => Promise<FastifyInstance>
  /** How several workers share what the process has. Left out: it runs as one process. */
  readonly workers?: WorkersDefinition<SettingsOf<Schema>>
  /** `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** What is different where several workers are one process. */
export interface WorkersDefinition<Settings> {
  /** How many there are to be. */
  readonly count: (settings: Settings) => number
  /** The settings of one of them: what is divided, and what one of them does for all. */
  readonly share: (settings: Settings, place: WorkerPlace) => Settings
}

/**
 * Runs a service process: refuses insecure runtimes, reads settings, opens what every process has, makes collaborators
 * and app, listens, tells the parent, and ends in phases. A failed boot is one clear message on stderr and exit code 1.
 * Another process that is away does not fail the boot: see `ProcessContext.discover`. Where the settings say that there
 * are several workers, this process is their supervisor.
 */
export async function runService<Schema extends TObject<ProcessProperties>, Collaborators>(
  definition: ProcessDefinition<Schema, Collaborators>
): Promise<void> {
  if (definition.workers !== undefined && cluster.isPrimary) {
    const supervised = await readSupervised(definition)
    if (supervised !== null) {
      await superviseWorkers(supervised)
      return
    }
  }
  await runApp(definition.name, () => bootService(definition))
}

/** What this process is to supervise; `null` where it serves itself, and says so itself when it cannot. */
async function readSupervised<Schema extends TObject<ProcessProperties>, Collaborators>(
  definition: ProcessDefinition<Schema, Collaborators>
): Promise<SupervisedProcess | null> {
  const { name, environment, workers, prefix = 'SALLYPORT_' } = definition
  const loaded = await loadProcessSettings(definition, environment).catch(() => null)
  await loaded?.server?.close()
  const values = loaded?.first.values
  const count = values === undefined ? 1 : (workers?.count(values) ?? 1)
  if (values === undefined || count === 1) return null
  refuseInsecureRuntime(environment, process.execArgv)
  const settings: ProcessSettings = values
  const times = drainTimesOf(definition, () => values)
  return { name, settings, workers: count, times, environment: { [`${prefix}WORKERS`]: String(count) } }
}

function drainTimesOf<Schema extends TObject<ProcessProperties>, Collaborators>(
  { longestUpstreamMs }: ProcessDefinition<Schema, Collaborators>,
  current: () => SettingsOf<Schema>
): DrainTimes {
  const shared = (): ProcessSettings => current()
  return {
    drainDelayMs: shared().drainDelayMs,
    get closeTimeoutMs() {
      return longestUpstreamMs === undefined ? undefined : closeTimeoutFor(longestUpstreamMs(current()))
    }
  }
}

async function bootService<Schema extends TObject<ProcessProperties>, Collaborators>(
  definition: ProcessDefinition<Schema, Collaborators>
): Promise<StartedApp> {
  const { name, environment, acceptTraces = true } = definition
  refuseInsecureRuntime(environment, process.execArgv)
  const loaded = await loadProcessSettings(definition, environment)
  const place =
    definition.workers === undefined ? null : workerPlace(environment, definition.workers.count(loaded.first.values))
  const values = place === null ? loaded.first.values : shareOf(definition, loaded.first.values, place)
  const link = place === null ? null : openWorkerLink()
  const settled = openLiveSettings(loaded.first)
  const { live } = settled
  const settings: ProcessSettings = values
  const log = bootLog(name, settings.logLevel)
  const surroundings = await openContext({ name, settings, live, acceptTraces, environment, log, link })
  const { context, close, readAgain, measurements, exceptionSinks } = surroundings
  try {
    const app = await definition.build(values, await definition.connect(values, context, live), live)
    if (!app.hasDecorator('liveSettings')) await app.register(configuration, { live })
    offerMeasurements(app, [...measurements, ...settingsMeasurements(live)])
    if (app.hasDecorator('exceptions')) exceptionSinks.forEach(app.exceptions.addSink)
    serveInfo(app, name, buildFacts(settings.commit), live)
    followLogLevel(app, live)
    startFollowing(app, context, loaded, settled)
    link?.serveOperators(app)
    const { host, port } = settings
    return {
      app,
      host,
      port,
      times: drainTimesOf(definition, () => live.current),
      release: close,
      ...defined({ readAgain: readAgain() })
    }
  } catch (error) {
    await close()
    throw error
  }
}

function shareOf<Schema extends TObject<ProcessProperties>, Collaborators>(
  { workers }: ProcessDefinition<Schema, Collaborators>,
  values: SettingsOf<Schema>,
  place: WorkerPlace
): SettingsOf<Schema> {
  return workers?.share(values, place) ?? values
}

/** Nothing is followed, and SIGHUP ends the process, where all settings are in the environment. */
function startFollowing<Schema extends TObject<ProcessProperties>>(
  app: FastifyInstance,
  context: ProcessContext,
  loaded: LoadedSettings<Schema>,
  opened: OpenLiveSettings<Static<Schema>>
): void {
  const { folders, server } = loaded
  if (folders.length === 0 && server === null) return
  const { readAgain, stop } = followSettings(app, loaded, opened)
  context.readAgainAtHangup(readAgain)
  context.closeLater(async () => {
    await stop()
    await server?.close()
  })
}
