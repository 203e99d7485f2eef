import { Counter, type Registry } from '@prometheus-io/client'
import { SECURITY_STAGES, type SecurityEvent } from '@sallyport/security-context'

const IDENTIFIER = /^[a-z][a-z0-9-]{0,63}$/
const MAX_SERIES = 500
const OTHER = 'other'

/** How often an event happened since the counter was last read. */
interface EventTally {
  readonly labels: Pick<SecurityEvent, 'outcome' | 'reason'> & { readonly stage: string }
  count: number
}

/**
 * Counts security events by stage, outcome and reason. A stage that is not in `SECURITY_STAGES`, a reason that is not
 * an identifier, or a new one once there are 500 series, is counted as `other`: no mistake elsewhere can put a secret
 * into a label or exhaust the memory.
 */
export function createEventCounter(registry: Registry): (events: readonly SecurityEvent[]) => void {
  const tallies = new Map<string, EventTally>()
  registry.registerMetric(
    new Counter({
      name: 'sallyport_security_events_total',
      help: 'What the security stages of requests found out',
      labelNames: ['stage', 'outcome', 'reason'],
      registers: [],
      // Handed over when somebody reads: a request pays for one look-up.
      collect() {
        for (const tally of tallies.values()) {
          this.inc(tally.labels, tally.count)
          tally.count = 0
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
    const tally = { labels: { stage, outcome, reason }, count: 0 }
    tallies.set(key, tally)
    return tally
  }
  return function countEvents(events) {
    for (const event of events) tallyOf(event).count++
  }
}
