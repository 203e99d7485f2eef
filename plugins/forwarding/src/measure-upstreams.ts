import type { LabelledValue, Measurement } from '@sallyport/security-context'

/** Requests to an upstream: with a connection, and waiting for one. */
export interface UpstreamUse {
  readonly running: number
  readonly waiting: number
}

/** An upstream that tells of its requests; `null` when what carries them does not. */
export interface MeasuredUpstream {
  readonly name: string
  readonly use: () => UpstreamUse | null
}

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
