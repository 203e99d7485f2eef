import type { Readable, Writable } from 'node:stream'
import { requirePrincipal, type Principal } from '@sallyport/security-context'
import type { Clock, StartTimer } from '@sallyport/security-context/mechanics'
import Type from 'typebox'
import { ProblemSchema, type ServiceInstance } from '@sallyport/service-kit'
import type { ChangeFeed } from '../changes/change-feed.ts'
import { openChangeStream } from '../changes/change-stream.ts'
import { streamSlots } from '../changes/stream-slots.ts'
import { configurationsByWeight } from '../configurations/spring-environment.ts'
import { mayReadConfiguration } from '../policies.ts'
import type { ConfigurationServerSettings } from '../settings.ts'
import { requestedApplication } from './caller-resource.ts'
import { LabelledParameters } from './environment-routes.ts'

/** What streams of changes work with. */
export interface ChangeRouteCollaborators {
  readonly feed: ChangeFeed
  readonly startTimer: StartTimer
  readonly clock: Clock
}

/** `text/event-stream`: it is sent as it is. */
const EventStream = Type.Unsafe<Readable>({ description: 'Server-sent events, one for each change' })

type StreamSettings = Pick<
  ConfigurationServerSettings,
  'heartbeatMs' | 'longestStreamMs' | 'maxStreams' | 'maxStreamsPerCaller'
>

/** The stream of changes, beside the configuration that it is about. */
export async function changeRoutes(
  app: ServiceInstance,
  { feed, startTimer, clock }: ChangeRouteCollaborators,
  settings: StreamSettings
): Promise<void> {
  const { heartbeatMs, longestStreamMs } = settings
  const slots = streamSlots(settings.maxStreams, settings.maxStreamsPerCaller)
  const open = new Set<Writable>()
  // They would keep the server from closing; their callers come back to another process.
  app.addHook('preClose', async function endStreams() {
    for (const stream of open) stream.end()
    await feed.stop()
  })

  app.get(
    '/:application/:profile/:label/changes',
    {
      exposeHeadRoute: false,
      config: {
        access: mayReadConfiguration,
        resource: requestedApplication,
        audit: {
          action: 'configuration.follow',
          resource: { type: 'application', parameter: 'application' },
          only: 'refusals'
        }
      },
      schema: { params: LabelledParameters, response: { 200: EventStream, '4xx': ProblemSchema, '5xx': ProblemSchema } }
    },
    async function followChangesRoute(request, reply) {
      const { application, profile, label } = request.params
      const principal = requirePrincipal(request)
      const giveBack = slots.take(principal.clientId ?? principal.subject)
      const stream = await openChangeStream({
        feed,
        keys: configurationsByWeight({ application, profiles: profile.split(','), label }),
        lastEventId: lastEventId(request.headers['last-event-id']),
        lifetimeMs: Math.min(longestStreamMs, remainingMs(principal, clock())),
        heartbeatMs,
        startTimer,
        onEnd: giveBack
      }).catch((error: unknown) => {
        giveBack()
        throw error
      })
      open.add(stream)
      stream.once('close', () => open.delete(stream))
      return await reply.type('text/event-stream').header('x-accel-buffering', 'no').send(stream)
    }
  )
}

/** How long the token of the caller is still good for, in ms. */
function remainingMs({ expiresAtSeconds }: Principal, nowMs: number): number {
  return expiresAtSeconds === null ? Infinity : Math.max(0, expiresAtSeconds * 1000 - nowMs)
}

/** The id of an event of ours; anything else counts as none. */
function lastEventId(header: string | string[] | undefined): number | null {
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : null
}
