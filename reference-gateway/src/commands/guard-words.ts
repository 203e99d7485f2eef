import type { RouteDescription } from '@sallyport/forwarding/document'

/** Where the requests of an upstream go, in words: each target with its name and weight where there are several. */
export function targetsText({ targets }: Pick<RouteDescription, 'targets'>): string {
  if (targets.length === 1) return targets[0]?.origin ?? ''
  return targets.map(({ name, origin, weight }) => `${origin} (${name}, weight ${weight})`).join(', ')
}

/** What guards an upstream, one line each; none where nothing does. */
export function guardLines({ guards }: Pick<RouteDescription, 'guards'>): string[] {
  const { healthCheck, ejection, retries, breaker, bulkhead } = guards
  return [
    ...(healthCheck === null
      ? []
      : [
          `asks each target for ${healthCheck.path} every ${healthCheck.intervalMs} ms: out after ` +
            `${healthCheck.unhealthyAfter} bad answers, in after ${healthCheck.healthyAfter} good ones`
        ]),
    ...(ejection === null
      ? []
      : [
          `leaves a target out for ${ejection.durationMs} ms after ${ejection.connectFailures} failures in a row` +
            (ejection.serverErrors === undefined ? '' : `, or ${ejection.serverErrors} answers of 5xx`)
        ]),
    ...(retries === null
      ? []
      : [
          `sends up to ${retries.attempts} times, ${retries.budgetPercent} % more requests in all; again after ` +
            `${retries.statuses.join(', ')}` +
            (retries.attemptTimeoutMs === undefined ? '' : ` or ${retries.attemptTimeoutMs} ms`)
        ]),
    ...(breaker === null
      ? []
      : [`stops for ${breaker.openMs} ms when ${breaker.failurePercent} % of the last ${breaker.window} calls failed`]),
    ...(bulkhead === null
      ? []
      : [`${bulkhead.maxPending} requests at a time, ${bulkhead.maxQueued} wait up to ${bulkhead.queueTimeoutMs} ms`])
  ]
}
