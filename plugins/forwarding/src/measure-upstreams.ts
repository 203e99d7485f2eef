import type { LabelledValue, Measurement } from '@sallyport/security-context'

/** Requests to an upstream: with a connection, and waiting for one. */
export interface UpstreamUse {
  readonly running: number
  readonly waiting: number
}

/** One of the targets of an upstream, as operators see it. */
export interface MeasuredTarget {
  readonly name: string
  readonly ejections: number
  readonly breakerKind: 'closed' | 'half-open' | 'open'
  readonly isInRotation: (nowMs: number) => boolean
  readonly isPermitted: (nowMs: number) => boolean
}

/** What guards an upstream, as operators see it. */
export interface MeasuredGuard {
  readonly targets: readonly MeasuredTarget[]
  readonly counts: { readonly repeated: number; readonly unrepeated: number }
  readonly retries: object | null
  readonly bulkhead: { readonly refused: number } | null
  readonly nowMs: () => number
}

/** An upstream that tells of its requests; `null` when what carries them does not, or nothing guards it. */
export interface MeasuredUpstream {
  readonly name: string
  readonly use: () => UpstreamUse | null
  readonly guard: MeasuredGuard | null
}

/** Values of the gauge of breakers. */
const BREAKER_VALUES = { closed: 0, 'half-open': 1, open: 2 } as const

/** What operators watch of the upstreams of the table that is in use. */
export function upstreamMeasurements(upstreams: () => readonly MeasuredUpstream[]): Measurement[] {
  const valuesOf = (part: keyof UpstreamUse) => (): LabelledValue[] =>
    upstreams().flatMap(upstream => {
      const use = upstream.use()
      return use === null ? [] : [{ labels: { upstream: upstream.name }, value: use[part] }]
    })
  return [
    {
      name: 'sallyport_upstream_requests_running',
      help: 'Forwarded requests that have a connection',
      kind: 'gauge',
      labels: ['upstream'],
      read: valuesOf('running')
    },
    {
      name: 'sallyport_upstream_requests_waiting',
      help: 'Forwarded requests that wait for a connection',
      kind: 'gauge',
      labels: ['upstream'],
      read: valuesOf('waiting')
    },
    ...guardMeasurements(upstreams)
  ]
}

function guardMeasurements(upstreams: () => readonly MeasuredUpstream[]): Measurement[] {
  const ofGuards = (values: (guard: MeasuredGuard) => LabelledValue[]) => (): LabelledValue[] =>
    upstreams().flatMap(({ name, guard }) =>
      guard === null ? [] : values(guard).map(({ labels, value }) => ({ labels: { upstream: name, ...labels }, value }))
    )
  const ofTargets = (value: (target: MeasuredTarget, nowMs: number) => number) =>
    ofGuards(({ targets, nowMs }) =>
      targets.map(target => ({ labels: { target: target.name }, value: value(target, nowMs()) }))
    )
  return [
    {
      name: 'sallyport_upstream_target_available',
      help: 'Whether a target of an upstream gets requests: neither left out nor behind an open breaker',
      kind: 'gauge',
      amongWorkers: 'min',
      labels: ['upstream', 'target'],
      read: ofTargets((target, nowMs) => Number(target.isInRotation(nowMs) && target.isPermitted(nowMs)))
    },
    {
      name: 'sallyport_upstream_target_ejections_total',
      help: 'How often a target was left out because it failed',
      kind: 'counter',
      labels: ['upstream', 'target'],
      read: ofTargets(({ ejections }) => ejections)
    },
    {
      name: 'sallyport_upstream_breaker_state',
      help: 'The breaker of a target: 0 closed, 1 half open, 2 open',
      kind: 'gauge',
      amongWorkers: 'max',
      labels: ['upstream', 'target'],
      read: ofTargets(({ breakerKind }) => BREAKER_VALUES[breakerKind])
    },
    {
      name: 'sallyport_upstream_retries_total',
      help: 'Requests that failed and may be sent again: sent again, or not because the budget was spent',
      kind: 'counter',
      labels: ['upstream', 'outcome'],
      read: ofGuards(({ counts, retries }) =>
        retries === null
          ? []
          : [
              { labels: { outcome: 'sent' }, value: counts.repeated },
              { labels: { outcome: 'over-budget' }, value: counts.unrepeated }
            ]
      )
    },
    {
      name: 'sallyport_upstream_bulkhead_refusals_total',
      help: 'Requests that found no place in the bulkhead of their upstream, or none in time',
      kind: 'counter',
      labels: ['upstream'],
      read: ofGuards(({ bulkhead }) => (bulkhead === null ? [] : [{ labels: {}, value: bulkhead.refused }]))
    }
  ]
}

/** What a dispatcher tells of itself: a pool of undici, or an agent that counts by origin; `null` for any other. */
export function upstreamUse(dispatcher: object | null, origin: string): UpstreamUse | null {
  if (dispatcher === null) return { running: 0, waiting: 0 }
  if ('counts' in dispatcher && typeof dispatcher.counts === 'function') {
    return useOf(memberOf(Reflect.apply(dispatcher.counts, dispatcher, []), origin) ?? { running: 0, waiting: 0 })
  }
  if (!('stats' in dispatcher)) return null
  const { stats } = dispatcher
  return useOf({ running: memberOf(stats, 'running'), waiting: memberOf(stats, 'queued') })
}

function useOf(counted: unknown): UpstreamUse | null {
  const [running, waiting] = [memberOf(counted, 'running'), memberOf(counted, 'waiting')]
  return typeof running === 'number' && typeof waiting === 'number' ? { running, waiting } : null
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
