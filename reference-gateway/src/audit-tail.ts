import {
  createLiveReaders,
  errors,
  followTrails,
  noteAuditQuery,
  parseAuditQuery,
  readLiveSteps,
  visibleJson,
  type AuditQuery,
  type LiveTrail,
  type TrailsStep
} from '@sallyport/audit-log'
import type { OpenAnswers } from '@sallyport/forwarding'
import type { RouteAccess } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { request as send, type Dispatcher } from 'undici'
import { auditQueryText, type UpstreamTrail } from './audit-search.ts'

/** Options of {@link auditTail}. */
export interface AuditTailOptions {
  /** Name of the gateway's own trail. */
  readonly process: string
  readonly trails: ReadonlyArray<UpstreamTrail & { readonly origin: string }>
  readonly access: RouteAccess
  /** How long a process may take until it answers, in ms. */
  readonly timeoutMs: number
  readonly dispatcher: Dispatcher
  /** Streams of this process at a time. */
  readonly maxTails: number
  /** What every call of another process says beside its token. */
  readonly outgoingHeaders: (request: FastifyRequest) => Readonly<Record<string, string>>
  /** Ends the streams whose access is over, and all when the gateway closes. */
  readonly openAnswers: OpenAnswers
}

/** Streams of a gateway at a time: each holds one of every process. */
export const GATEWAY_TAILS = 8
/** A process says every 15 seconds that it is there. */
const LONGEST_SILENCE_MS = 60_000

/**
 * `GET /audit/events/live`: the trails of all processes as they grow, merged by time, as server-sent events that take
 * the filters of every audit route. An `audit` event is a row with its `trail`; `missing` names a trail that does not
 * answer, `back` one that does again. Whoever comes back with `Last-Event-ID`, or `after`, misses nothing. Each process
 * decides by itself whether the caller may follow its trail, and records that, as the gateway does. A stream ends with
 * the caller's access. A slow reader holds up only what is read for it.
 */
export const auditTail = fastifyPlugin(
  async function auditTail(fastify: FastifyInstance, options: AuditTailOptions) {
    const readers = createLiveReaders({ most: options.maxTails })
    fastify.addHook('preClose', async function stopLooking() {
      readers.stop()
    })
    fastify.get(
      '/audit/events/live',
      { exposeHeadRoute: false, config: { access: options.access, audit: { action: 'audit.follow' } } },
      async function answerTail(request, reply) {
        const { query, after } = tailQuery(request)
        const { order: _order, limit: _limit, ...filters } = query
        noteAuditQuery(request, { ...filters, after })
        readers.requirePlace()
        const leaving = new AbortController()
        const trails = [ownLiveTrail(fastify, options, query), ...upstreamLiveTrails(request, options, query)]
        const events = readers.open(tailEvents(followTrails(trails, { after, signal: leaving.signal })), leaving)
        const forget = endTailWithAccess(request, options.openAnswers, () => {
          leaving.abort()
        })
        events.once('close', forget)
        return await reply
          .type('text/event-stream')
          .header('cache-control', 'no-store')
          .header('x-accel-buffering', 'no')
          .header('connection', 'close')
          .send(events)
      }
    )
  },
  { name: 'audit-tail', fastify: '5.x', decorators: { fastify: ['followAuditTrail'] } }
)

function tailQuery(request: FastifyRequest): { readonly query: AuditQuery; readonly after: string | undefined } {
  const { after: given, ...filters } = Object.fromEntries(Object.entries(request.query ?? {}))
  const { 'last-event-id': after = given } = request.headers
  const unfit = ['order', 'limit'].find(name => Object.hasOwn(filters, name))
  if (unfit !== undefined) throw new errors.AuditQueryInvalidError(unfit)
  if (after !== undefined && typeof after !== 'string') throw new errors.AuditQueryInvalidError('after')
  return { query: parseAuditQuery(filters), after }
}

/** @returns is called when the stream has ended by itself */
function endTailWithAccess(request: FastifyRequest, openAnswers: OpenAnswers, end: () => void): () => void {
  const { principal, accessToken } = request
  request.raw.once('close', end)
  return principal === null ? () => {} : openAnswers.add({ principal, accessToken, end, finish: end })
}

async function* tailEvents(steps: AsyncIterable<TrailsStep>): AsyncGenerator<string> {
  yield ': the trails follow\n\n'
  for await (const step of steps) {
    if (step.kind === 'quiet') yield `: nothing new\nid: ${step.next}\n\n`
    else yield `id: ${step.next}\nevent: ${step.kind === 'row' ? 'audit' : step.kind}\ndata: ${tailData(step)}\n\n`
  }
}

function tailData(step: Exclude<TrailsStep, { kind: 'quiet' }>): string {
  if (step.kind === 'row') return visibleJson(step.row)
  return visibleJson(step.kind === 'missing' ? step.missing : { trail: step.trail })
}

function ownLiveTrail(fastify: FastifyInstance, { process: name }: AuditTailOptions, query: AuditQuery): LiveTrail {
  return {
    name,
    follow: (after, signal) => fastify.followAuditTrail({ ...query, ...(after !== undefined && { after }) }, signal)
  }
}

function upstreamLiveTrails(request: FastifyRequest, options: AuditTailOptions, query: AuditQuery): LiveTrail[] {
  const { dispatcher, timeoutMs: headersTimeout, outgoingHeaders } = options
  const { order: _order, limit: _limit, ...filters } = query
  return options.trails.map(({ audience, origin, path }) => ({
    name: audience,
    follow: async function* (after, signal) {
      const headers = {
        ...outgoingHeaders(request),
        'x-request-id': request.id,
        accept: 'text/event-stream',
        authorization: `Bearer ${await request.exchangeToken(audience)}`
      }
      const text = auditQueryText({ ...filters, ...(after !== undefined && { after }) })
      const url = `${origin}${path}/live${text === '' ? '' : `?${text}`}`
      const limits = { headersTimeout, bodyTimeout: LONGEST_SILENCE_MS }
      const { statusCode, body } = await send(url, { headers, signal, dispatcher, ...limits })
      if (statusCode !== 200) {
        await body.dump()
        if (statusCode === 401) request.dropExchangedToken(audience)
        throw Object.assign(new Error('no stream of a trail'), { code: `status-${statusCode}` })
      }
      yield* readLiveSteps(body)
    }
  }))
}
