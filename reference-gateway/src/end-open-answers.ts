import type { OpenAnswers } from '@sallyport/forwarding'
import { securityEventsOf } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

/** How sessions end at this gateway, by reason of the event. */
const SESSION_ENDS: Readonly<Record<string, (request: FastifyRequest) => string | null | undefined>> = {
  logout: request => request.principal?.sessionId ?? undefined,
  'session-ended': request => pathParameter(request, 'sessionId'),
  // Every session of the caller.
  'all-sessions-ended': () => null
}

/**
 * Ends the answers of a session that has just ended here, without waiting for the status list. The regular check of all
 * answers, which stops with the app, notices sessions that end elsewhere. Streams end when the app begins to close:
 * nothing else would end them, and the end of the process would wait for them.
 */
async function endOfSessions(
  fastify: FastifyInstance,
  { openAnswers }: { readonly openAnswers: OpenAnswers }
): Promise<void> {
  fastify.addHook('onResponse', function endAnswersOfSession(request, _reply, done) {
    for (const { stage, outcome, reason } of securityEventsOf(request)) {
      if (stage !== 'session' || outcome !== 'success') continue
      const sessionId = SESSION_ENDS[reason]?.(request)
      if (sessionId !== undefined && request.principal !== null) {
        openAnswers.endSessions(request.principal, sessionId)
      }
    }
    done()
  })
  fastify.addHook('preClose', async function finishStreams() {
    openAnswers.finish()
  })
  fastify.addHook('onClose', async function stopLooking() {
    openAnswers.close()
  })
}

function pathParameter({ params }: FastifyRequest, name: string): string | undefined {
  const value: unknown =
    typeof params === 'object' && params !== null && name in params
      ? Object.entries(params).find(([known]) => known === name)?.[1]
      : undefined
  return typeof value === 'string' ? value : undefined
}

export const endOpenAnswers = fastifyPlugin(endOfSessions, {
  name: '@sallyport/reference-gateway/end-open-answers',
  fastify: '5.x',
  decorators: { request: ['securityEvents'] }
})
