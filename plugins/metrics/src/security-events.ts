import { Counter, type Registry } from '@prometheus-io/client'
import type { SecurityEvent } from '@sallyport/security-context'

const IDENTIFIER = /^[a-z][a-z0-9-]{0,63}$/
const MAX_SERIES = 500

/**
 * Counts security events by stage, outcome and reason. A reason that is not an identifier, or a new one once there are
 * 500 series, is counted as `other`: no mistake elsewhere can put a secret into a label or exhaust the memory.
 */
export function createEventCounter (registry: Registry): (events: readonly SecurityEvent[]) => void {
  const counter = new Counter({
    name: 'sallyport_security_events_total',
    help: 'What the security stages of requests found out',
    labelNames: ['stage', 'outcome', 'reason'],
    registers: [registry]
  })
  const series = new Set<string>()
  return function countEvents (events) {
    for (const { stage, outcome, reason } of events) {
      const key = `${stage} ${outcome} ${reason}`
      const isKnown = series.has(key) || (series.size < MAX_SERIES && IDENTIFIER.test(reason))
      if (isKnown) series.add(key)
      counter.inc({ stage, outcome, reason: isKnown ? reason : 'other' })
    }
  }
}
