import configuration, { type LiveSettings } from '@sallyport/configuration'
import { refuseInsecureRuntime } from '@sallyport/secure-transport'
import { offerMeasurements } from '@sallyport/security-context'
import { defined } from '@sallyport/security-context/mechanics'
import type { FastifyInstance } from 'fastify'
import type { Static, TObject } from 'typebox'
import { bootLog } from './boot-log.ts'
import { buildFacts } from './build-facts.ts'
import { closeTimeoutFor } from './drain.ts'
import { serveInfo } from './info-route.ts'
import { settingsMeasurements } from './measure-settings.ts'
import { openContext, type ProcessContext } from './process-context.ts'
import { runApp, type StartedApp } from './run-app.ts'
import { followLogLevel, followSettings } from './follow-settings.ts'
import { openLiveSettings, type OpenLiveSettings } from './open-live-settings.ts'
import { loadProcessSettings, type LoadedSettings, type NamedDefinition } from './load-process-settings.ts'
import type { SettingsOf } from './read-process-settings.ts'
import type { ProcessProperties, ProcessSettings } from './settings.ts'

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
  /** `process.env`. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/**
 * Runs a service process: refuses insecure runtimes, reads settings, opens what every process has, makes collaborators
 * and app, listens, tells the parent, and ends in phases. A failed boot is one clear message on stderr and exit code 1.
 * Another process that is away does not fail the boot: see `ProcessContext.discover`.
 */
export async function runService<Schema extends TObject<ProcessProperties>, Collaborators>(
  definition: ProcessDefinition<Schema, Collaborators>
): Promise<void> {
  await runApp(definition.name, () => bootService(definition))
}

async function bootService<Schema extends TObject<ProcessProperties>, Collaborators>(
  definition: ProcessDefinition<Schema, Collaborators>
): Promise<StartedApp> {
  const { name, environment, acceptTraces = true } = definition
  refuseInsecureRuntime(environment, process.execArgv)
  const loaded = await loadProcessSettings(definition, environment)
  const { values } = loaded.first
  const settled = openLiveSettings(loaded.first)
  const { live } = settled
  const settings: ProcessSettings = values
  const log = bootLog(name, settings.logLevel)
  const surroundings = await openContext({ name, settings, live, acceptTraces, environment, log })
  const { context, close, readAgain, measurements, exceptionSinks } = surroundings
  try {
    const app = await definition.build(values, await definition.connect(values, context, live), live)
    if (!app.hasDecorator('liveSettings')) await app.register(configuration, { live })
    offerMeasurements(app, [...measurements, ...settingsMeasurements(live)])
    if (app.hasDecorator('exceptions')) exceptionSinks.forEach(app.exceptions.addSink)
    serveInfo(app, name, buildFacts(settings.commit), live)
    followLogLevel(app, live)
    startFollowing(app, context, loaded, settled)
    const { host, port, drainDelayMs } = settings
    const { longestUpstreamMs } = definition
    return {
      app,
      host,
      port,
      times: {
        drainDelayMs,
        get closeTimeoutMs() {
          return longestUpstreamMs === undefined ? undefined : closeTimeoutFor(longestUpstreamMs(live.current))
        }
      },
      release: close,
      ...defined({ readAgain: readAgain() })
    }
  } catch (error) {
    await close()
    throw error
  }
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
