import { effectiveRoute, offerMeasurements } from '@sallyport/security-context'
import { errorStatus } from '@sallyport/security-context/mechanics'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { createExceptionLog, type ExceptionLog, type ExceptionPlace, type ExceptionSink } from './exception-log.ts'

/** How exceptions are tracked. */
export interface ExceptionTracking {
  /** Version and commit of what runs. */
  readonly release: string
  /** Where exceptions are reported, beside the log of the app. Default: nowhere. */
  readonly sinks?: readonly ExceptionSink[]
  /** A failure is reported once in this time, in ms. Default: a minute. */
  readonly windowMs?: number
  /** Different failures that are remembered. Default: 200. */
  readonly maxGroups?: number
  readonly clock?: () => number
}

const WINDOW_MS = 60_000
const MAX_GROUPS = 200

/** Notes what requests fail with (5xx) and what ends the process; a refusal of a caller is no exception. */
export function trackExceptions(fastify: FastifyInstance, tracking: ExceptionTracking): ExceptionLog {
  const { release, sinks = [], windowMs = WINDOW_MS, maxGroups = MAX_GROUPS, clock = Date.now } = tracking
  const exceptions = createExceptionLog({
    release,
    sinks: [logSink(fastify), ...sinks],
    windowMs,
    maxGroups,
    clock,
    onSinkFailure: err => {
      fastify.log.warn({ err }, 'an exception could not be reported')
    }
  })
  fastify.addHook('onError', function noteException(request, _reply, error, next) {
    if ((errorStatus(error) ?? 500) >= 500) exceptions.note(error, placeOfRequest(request))
    next()
  })
  fastify.addHook('onClose', async function reportCounted() {
    exceptions.flush()
  })
  offerMeasurements(fastify, [
    {
      name: 'sallyport_exceptions_total',
      help: 'Exceptions: what requests failed with, and what ended the process',
      kind: 'counter',
      labels: ['origin'],
      read: () => Object.entries(exceptions.counts()).map(([origin, value]) => ({ labels: { origin }, value }))
    },
    {
      name: 'sallyport_exception_groups',
      help: 'Different exceptions that the process remembers',
      kind: 'gauge',
      read: exceptions.size
    }
  ])
  return exceptions
}

/** The log has each failure with its request already; this line says how often, since when and in which release. */
function logSink(fastify: FastifyInstance): ExceptionSink {
  return {
    report: ({ stack: _stack, ...exception }) => {
      fastify.log.error({ exception }, 'exception')
    }
  }
}

function placeOfRequest(request: FastifyRequest): ExceptionPlace {
  // A bare app may have no security context.
  const { traceId }: Partial<Pick<FastifyRequest, 'traceId'>> = request
  return {
    origin: 'request',
    route: `${request.method} ${effectiveRoute(request).url}`,
    requestId: request.id,
    ...(traceId !== undefined && { traceId })
  }
}
