import forwarding, { type ForwardedRouteOptions, type UpstreamOptions } from '@sallyport/forwarding'
import securityContext, { measurementsOf, problemDetails, type SecurityEvent } from '@sallyport/security-context'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import type { KillableTarget } from './killable-target.ts'

/** An app that forwards everything to one upstream, and what it said about the targets. */
export interface GuardedApp {
  readonly app: FastifyInstance
  readonly url: string
  /** Changes of targets, as `target change`. */
  readonly changes: string[]
  readonly events: SecurityEvent[]
  /** The values of a measurement, by their labels other than `upstream`. */
  readonly measured: (name: string) => Promise<Record<string, number>>
}

/** How an app forwards. */
export interface GuardedAppOptions {
  readonly upstream?: Omit<UpstreamOptions, 'origin' | 'targets'>
  readonly weights?: readonly number[]
  readonly route?: Partial<ForwardedRouteOptions>
  readonly step?: 'lean' | 'ordinary'
}

/** Starts an app before these targets. */
export async function startGuarded(
  t: Test,
  targets: readonly KillableTarget[],
  { upstream = {}, weights = [], route = {}, step = 'lean' }: GuardedAppOptions = {}
): Promise<GuardedApp> {
  const changes: string[] = []
  const events: SecurityEvent[] = []
  const stream = {
    write: (line: string) => {
      const { change, target } = JSON.parse(line) as { change?: string; target?: string }
      if (change !== undefined) changes.push(`${target} ${change}`)
    }
  }
  const app = Fastify({ logger: { level: 'warn', stream }, forceCloseConnections: true })
  t.after(() => app.close())
  await app.register(securityContext)
  await app.register(problemDetails)
  app.addHook('onResponse', async request => {
    events.push(...request.securityEvents)
  })
  // Forwarding does not know what such a hook does.
  if (step === 'ordinary') app.addHook('onSend', async (_request, _reply, payload) => payload)
  const [only, ...more] = targets
  await app.register(forwarding, {
    upstreams: {
      service: {
        ...upstream,
        ...(more.length === 0
          ? { origin: only?.origin ?? '' }
          : { targets: targets.map(({ origin }, place) => ({ origin, weight: weights[place] ?? 1 })) })
      }
    },
    routes: [{ path: '/*', upstream: 'service', forward: 'none', access: 'public', ...route }]
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    app,
    url,
    changes,
    events,
    async measured(name) {
      const measurement = measurementsOf(app).find(each => each.name === name)
      const values = await measurement?.read()
      if (!Array.isArray(values)) return {}
      const labelled = values as ReadonlyArray<{ labels: Record<string, string>; value: number }>
      return Object.fromEntries(
        labelled.map(({ labels: { upstream: _name, ...labels }, value }) => [Object.values(labels).join(' '), value])
      )
    }
  }
}

/** Statuses and bodies of so many requests, sent by so many callers. */
export async function sendMany(
  url: string,
  { requests, callers = 4, method = 'GET' }: { requests: number; callers?: number; method?: string }
): Promise<{ statuses: Record<number, number>; bodies: Record<string, number> }> {
  const statuses: Record<number, number> = {}
  const bodies: Record<string, number> = {}
  let left = requests
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (left-- > 0) {
        const answer = await fetch(`${url}/${left}`, { method })
        const body = await answer.text()
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
        bodies[body] = (bodies[body] ?? 0) + 1
      }
    })
  )
  return { statuses, bodies }
}
