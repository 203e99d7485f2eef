import type { FastifyInstance, FastifyRequest } from 'fastify'
import { noteAuditQuery } from '../asked-query.ts'
import { AuditQueryInvalidError } from '../errors.ts'
import type { ReadAuditLogOptions } from '../options.ts'
import { parseAuditQuery, type AuditQuery } from '../query.ts'
import { readHead } from '../seal-pending.ts'
import { visibleJson } from '../visible-text.ts'
import { createLiveReaders } from './live-readers.ts'
import { followRows, type LiveStep } from './live-rows.ts'

/** A comment this often keeps proxies from closing a quiet stream, in ms. */
const HEARTBEAT_MS = 15_000
/** A client comes back and is asked again who it is, in ms. */
const LONGEST_STREAM_MS = 600_000
/** They say where a page is, and a stream has none. */
const OF_PAGES = ['order', 'limit']

/**
 * `GET <path>/live`: rows as they are sealed, as server-sent events that take the filters of the route. Each has its
 * sequence as id, so a client that comes back with `Last-Event-ID`, or `after`, misses nothing. A stream ends with the
 * caller's token, after ten minutes, and with the app. Following is recorded once, at its beginning.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function addLiveRoute(fastify: FastifyInstance, options: ReadAuditLogOptions): void {
  const { db, route, clock, monotonicClock, schedule, writeTimeoutMs: timeoutMs } = options
  if (route === false || db === undefined) return
  const readers = createLiveReaders({ most: route.maxStreams, monotonicClock, schedule })
  // They would keep the server from closing.
  fastify.addHook('preClose', async function endLiveTails() {
    readers.endAll()
    readers.stop()
  })

  fastify.get(
    `${route.path}/live`,
    { exposeHeadRoute: false, config: { access: route.access, audit: { action: 'audit.follow' } } },
    async function followTrail(request, reply) {
      const query = liveQuery(request)
      const { order: _order, limit: _limit, ...asked } = query
      noteAuditQuery(request, asked)
      readers.requirePlace()
      const after = query.after ?? (await readHead(db)).sequence
      const stream = new AbortController()
      request.raw.once('close', () => {
        stream.abort()
      })
      const lifetimeMs = Math.min(LONGEST_STREAM_MS, tokenLeftMs(request, clock()))
      AbortSignal.timeout(Math.ceil(lifetimeMs)).addEventListener('abort', () => {
        stream.abort()
      })
      const tail = {
        db,
        query: { ...query, after },
        intervalMs: route.liveIntervalMs,
        timeoutMs,
        signal: stream.signal,
        rules: options
      }
      const events = readers.open(liveEvents(followRows(tail)), stream)
      return await reply
        .type('text/event-stream')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        // Nothing follows it: an app that closes would wait for another request.
        .header('connection', 'close')
        .send(events)
    }
  )
}

/**
 * A row is one event with its sequence as id; the place where the rows begin is an id alone, so that a client that saw
 * no row comes back to it too. What the database does not answer ends the stream, and the client comes back.
 */
async function* liveEvents(steps: AsyncIterable<LiveStep>): AsyncGenerator<string> {
  let quietSince = performance.now()
  try {
    for await (const step of steps) {
      if (step.kind === 'place') yield `: the trail follows\nid: ${step.sequence}\n\n`
      else if (step.kind === 'row') yield `id: ${step.row.sequence}\nevent: audit\ndata: ${visibleJson(step.row)}\n\n`
      else if (performance.now() - quietSince < HEARTBEAT_MS) continue
      else yield ': nothing new\n\n'
      quietSince = performance.now()
    }
  } catch {
    // The response has begun: it can only end.
  }
}

function liveQuery(request: FastifyRequest): AuditQuery {
  const given = Object.fromEntries(Object.entries(request.query ?? {}))
  const unfit = OF_PAGES.find(name => Object.hasOwn(given, name))
  if (unfit !== undefined) throw new AuditQueryInvalidError(unfit)
  const { 'last-event-id': lastEventId } = request.headers
  const after = typeof lastEventId === 'string' && /^\d{1,15}$/.test(lastEventId) ? { after: lastEventId } : {}
  return parseAuditQuery({ ...given, ...after })
}

/** How long the access of a caller lasts, in ms. */
export function tokenLeftMs({ principal }: FastifyRequest, nowMs: number): number {
  const expiresAtSeconds = principal?.expiresAtSeconds ?? null
  return expiresAtSeconds === null ? Infinity : Math.max(0, expiresAtSeconds * 1000 - nowMs)
}
