import { headHook, securityEventsOf, type SecurityEvent } from '@sallyport/security-context'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** What the stages of an app reported. */
export interface RecordedSecurityEvents {
  /** All events so far, in the order of their requests. */
  readonly all: () => readonly SecurityEvent[]
  /** The events of the request that was answered last. */
  readonly last: () => readonly SecurityEvent[]
  /** The same as texts: `authentication denied token-expired`. */
  readonly summaries: () => readonly string[]
  readonly clear: () => void
}

/** Records the security events of an app's requests. Call it before the app is ready. */
export function recordSecurityEvents(app: FastifyInstance): RecordedSecurityEvents {
  // The list of each request itself: events that come after the answer are in it too.
  const requests = new Set<readonly SecurityEvent[]>()
  const note = (request: FastifyRequest): void => {
    requests.add(securityEventsOf(request))
  }
  app.addHook(
    'onSend',
    headHook(async function recordEvents(request: FastifyRequest) {
      note(request)
    })
  )
  // A hijacked reply passes no onSend.
  app.addHook('onResponse', async function recordLateEvents(request) {
    note(request)
  })
  const all = (): readonly SecurityEvent[] => [...requests].flat()
  return {
    all,
    last: () => [...requests].at(-1) ?? [],
    summaries: () => all().map(({ stage, outcome, reason }) => `${stage} ${outcome} ${reason}`),
    clear: () => {
      requests.clear()
    }
  }
}
