import { Counter, type Registry } from '@prometheus-io/client'
import { SECURITY_STAGES, type SecurityEvent } from '@sallyport/security-context'

const IDENTIFIER = /^[a-z][a-z0-9-]{0,63}$/
const MAX_SERIES = 500
const OTHER = 'other'

type EventLabel = 'stage' | 'outcome' | 'reason' | 'trace_id'

/** How often an event happened since the counter was last read. */
interface EventTally {
  readonly labels: Pick<SecurityEvent, 'outcome' | 'reason'> & { readonly stage: string }
  count: number
  /** The recorded trace of the last one that was not a success, until somebody reads. */
  traceId: string | null
}

/** Counts the events of one request. @param traceOf its recorded trace, asked for refusals and failures only */
export type CountEvents = (events: readonly SecurityEvent[], traceOf: () => string | null) => void

/**
 * Counts security events by stage, outcome and reason. A stage that is not in `SECURITY_STAGES`, a reason that is not
 * an identifier, or a new one once there are 500 series, is counted as `other`: no mistake elsewhere can put a secret
 * into a label or exhaust the memory.
 * @param withExemplars whether refusals and failures name the trace of the last of them
 */
export function createEventCounter(registry: Registry, withExemplars: boolean): CountEvents {
  const tallies = new Map<string, EventTally>()
  registry.registerMetric(
    new Counter<EventLabel>({
      name: 'sallyport_security_events_total',
      help: 'What the security stages of requests found out',
      labelNames: ['stage', 'outcome', 'reason'],
      enableExemplars: withExemplars,
      // Not by its constructor: that refuses exemplars in a registry that writes another format by default.
      registers: [],
      // Handed over when somebody reads: a request pays for one look-up.
      collect() {
        for (const tally of tallies.values()) {
          const { labels, count: value, traceId } = tally
          if (!withExemplars) this.inc(labels, value)
          else if (traceId === null) this.inc({ labels, value })
          else this.inc({ labels, value, exemplarLabels: { trace_id: traceId } })
          tally.count = 0
          tally.traceId = null
        }
      }
    })
  )
  function tallyOf(event: SecurityEvent): EventTally {
    const { outcome, reason } = event
    const stage = Object.hasOwn(SECURITY_STAGES, event.stage) ? event.stage : OTHER
    const key = `${stage} ${outcome} ${reason}`
    const known = tallies.get(key)
    if (known !== undefined) return known
    if (reason !== OTHER && (tallies.size >= MAX_SERIES || !IDENTIFIER.test(reason))) {
      return tallyOf({ ...event, reason: OTHER })
    }
    const tally = { labels: { stage, outcome, reason }, count: 0, traceId: null }
    tallies.set(key, tally)
    return tally
  }
  return function countEvents(events, traceOf) {
    for (const event of events) {
      const tally = tallyOf(event)
      tally.count++
      if (withExemplars && event.outcome !== 'success') tally.traceId = traceOf() ?? tally.traceId
    }
  }
}
