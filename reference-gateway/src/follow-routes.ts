import { basename, dirname } from 'node:path'
import { Counter } from '@prometheus-io/client'
import type { RouteTableOptions } from '@sallyport/forwarding'
import { offerMeasurements, type AuditEvent } from '@sallyport/security-context'
import { errorCode } from '@sallyport/security-context/mechanics'
import { createReload, followFile, type FollowedFile, type ReloadSubscriber } from '@sallyport/service-process'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { logInPlaceOfAudit } from './log-in-place-of-audit.ts'
import { mistakeLines, routesFingerprint, type RoutesFile, type RoutesReading } from './routes-file.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Version of the table of routes that is in use. */
    routesVersion: () => string
  }
}

/** The file that the routes come from, and who is told of a new one. */
export interface FollowedRoutes extends Pick<FollowedFile<RoutesReading>, 'watch' | 'startTimer' | 'schedule'> {
  readonly file: RoutesFile
  /** What the file said when the app was made of it. */
  readonly first: RoutesReading
  /** Makes SIGHUP read the file again. */
  readonly readAgainAtHangup: (readAgain: () => Promise<void>) => void
}

/** Options of the plugin. */
export interface FollowRoutesOptions {
  readonly routes: FollowedRoutes
  /** All of them take a new table, or none does. */
  readonly subscribers: ReadonlyArray<ReloadSubscriber<RouteTableOptions>>
}

/** Enough of a fingerprint to tell two tables apart. */
const ROUTES_VERSION_LENGTH = 12

/**
 * Reads the file of routes again at SIGHUP and whenever it says something new. One with mistakes changes nothing: the
 * log lists them, a metric and the audit trail have it.
 */
async function followRoutesFile(fastify: FastifyInstance, { routes, subscribers }: FollowRoutesOptions): Promise<void> {
  const { file, first, readAgainAtHangup, watch, startTimer, schedule } = routes
  const { log } = fastify
  const name = basename(file.path)
  const reload = createReload<RouteTableOptions>()
  for (const subscriber of subscribers) reload.subscribe(subscriber)
  const reloads = new Counter({
    name: 'sallyport_gateway_routes_reloads_total',
    help: 'Times that the file of routes was read again and said something new',
    labelNames: ['outcome'],
    registers: [fastify.metricsRegistry]
  })
  // Present from the start: the first refusal is an increase.
  for (const outcome of ['taken', 'refused']) reloads.inc({ outcome }, 0)
  let current = routesFingerprint(first)
  let last: Promise<void> = Promise.resolve()
  const routesVersion = (): string => current.slice(0, ROUTES_VERSION_LENGTH)
  fastify.decorate('routesVersion', routesVersion)
  offerMeasurements(fastify, [
    {
      name: 'sallyport_routes_info',
      help: 'Version of the table of routes that is in use',
      kind: 'gauge',
      amongWorkers: 'max',
      labels: ['version'],
      read: () => [{ labels: { version: routesVersion() }, value: 1 }]
    }
  ])

  /** One after the other: a signal and an event of the folder often come together. */
  async function takeInTurn(reading: RoutesReading): Promise<void> {
    last = last.then(async () => {
      await take(reading)
    })
    await last
  }

  async function take(reading: RoutesReading): Promise<void> {
    const fingerprint = routesFingerprint(reading)
    if (fingerprint === current) {
      log.info(`the routes are those of ${name} already`)
      return
    }
    if (reading.table === null) {
      const mistakes = mistakeLines(file.path, reading.mistakes)
      await refuse('routes-invalid', { mistakes }, { mistakes: mistakes.length })
      return
    }
    try {
      await reload.reload(reading.table)
    } catch (err) {
      await refuse(errorCode(err) ?? 'failed', { err }, {})
      return
    }
    current = fingerprint
    const counts = { routes: reading.table.routes.length, upstreams: Object.keys(reading.table.upstreams).length }
    log.info({ ...counts, fingerprint }, `the routes are those of ${name} now`)
    reloads.inc({ outcome: 'taken' })
    await record({ outcome: 'success', detail: { ...counts, fingerprint } })
  }

  async function refuse(reason: string, logged: object, detail: Record<string, unknown>): Promise<void> {
    log.error(logged, `the routes stay what they were: ${name} is not taken`)
    reloads.inc({ outcome: 'refused' })
    await record({ outcome: 'failure', reason, detail })
  }

  async function record(event: Omit<AuditEvent, 'action'>): Promise<void> {
    const sink = fastify.hasDecorator('auditSink') ? fastify.auditSink : logInPlaceOfAudit(log)
    await sink.write({ action: 'routes.reload', ...event }).catch((err: unknown) => {
      log.error({ err }, 'a reload of routes is in no audit trail')
    })
  }

  const { stop, noteKnown } = followFile<RoutesReading>({
    folder: dirname(file.path),
    known: current,
    read: async () => {
      const content = file.read()
      return { fingerprint: routesFingerprint(content), content }
    },
    changed: takeInTurn,
    ...(watch && { watch }),
    ...(startTimer && { startTimer }),
    ...(schedule && { schedule })
  })
  readAgainAtHangup(async () => {
    const reading = file.read()
    // Without it a file that is what it was before would be no news to the watch.
    noteKnown(routesFingerprint(reading))
    await takeInTurn(reading)
  })
  fastify.addHook('onClose', async function stopFollowing() {
    await stop()
  })
}

export const followRoutes = fastifyPlugin(followRoutesFile, {
  name: '@sallyport/reference-gateway/follow-routes',
  fastify: '5.x',
  decorators: { fastify: ['metricsRegistry'] }
})
