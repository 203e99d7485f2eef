import { isDeepStrictEqual } from 'node:util'
import { defined, scheduleByTimer, startTimer } from '@sallyport/security-context/mechanics'
import { Dispatcher } from 'undici'
import type { UpstreamUse } from './measure-upstreams.ts'
import { checkHealth } from './resilience/check-health.ts'
import { GuardedUpstream, type GuardParts } from './resilience/guarded-upstream.ts'
import { TargetConnections, type UpstreamCarriers } from './target-connections.ts'
import { targetName, type ReadUpstream, type TargetOptions } from './upstream-options.ts'

/** What upstreams have from the app. */
export interface UpstreamParts extends UpstreamCarriers {
  /** Where the changes of targets are reported. */
  readonly log?: GuardParts['log'] | undefined
}

/**
 * A service and the connections to it. They outlive tables: the next table takes them over where the options of the
 * upstream are the same.
 */
export class UpstreamConnections extends Dispatcher {
  readonly name: string
  /** Of the first target. */
  readonly origin: string
  readonly origins: readonly string[]
  /** `Host` of its requests; `null` where each target has its own. */
  readonly host: string | null
  readonly options: ReadUpstream
  readonly #connections: readonly TargetConnections[]
  /** `null` for one target without anything that guards it. */
  readonly guard: GuardedUpstream | null
  readonly #parts: UpstreamParts
  #checks: { readonly stop: () => void; readonly connections: readonly TargetConnections[] } | null = null

  constructor(name: string, options: ReadUpstream, parts: UpstreamParts) {
    super()
    this.name = name
    this.options = options
    this.#parts = parts
    const targets = options.targets ?? [{ origin: options.origin ?? '', weight: 1 }]
    this.origins = targets.map(({ origin }) => origin)
    this.origin = this.origins[0] ?? ''
    this.host = this.origins.length === 1 ? new URL(this.origin).host : null
    this.#connections = this.origins.map(origin => this.#connectionsTo(origin))
    this.guard = isGuarded(options) ? this.#guarded(targets) : null
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (this.guard !== null) return this.guard.dispatch(options, handler)
    const [only] = this.#connections
    return only?.dispatch(options, handler) ?? false
  }

  /** Begins to ask the targets how they are, where that is wanted. */
  watch(): void {
    const { healthCheck } = this.options
    if (healthCheck === undefined || this.guard === null || this.#checks !== null) return
    const { port } = healthCheck
    const own: TargetConnections[] = []
    const checked = this.guard.targets.map(target => {
      const { origin } = Object.assign(new URL(target.origin), port === undefined ? {} : { port: String(port) })
      const connections = port === undefined ? target.connections : this.#connectionsTo(origin)
      if (connections instanceof TargetConnections && port !== undefined) own.push(connections)
      const setHealth = (isHealthy: boolean): void => {
        target.setHealth(isHealthy)
      }
      return { origin, connections, isHealthy: () => target.isHealthy, setHealth }
    })
    this.#checks = { ...checkHealth(checked, healthCheck, scheduleByTimer), connections: own }
  }

  /** Whether an upstream of the next table is this one. */
  isStill(name: string, options: ReadUpstream): boolean {
    const { timeouts: _ours, ...ours } = this.options
    const { timeouts: _others, ...others } = options
    return this.name === name && isDeepStrictEqual(ours, others)
  }

  /** Requests under way and waiting, `null` when what carries them does not tell. */
  use(): UpstreamUse | null {
    const uses = this.#connections.map(connections => connections.use())
    const known = uses.filter(use => use !== null)
    if (known.length < uses.length) return null
    const waiting = this.guard?.bulkhead?.waiting ?? 0
    return known.reduce((all, use) => ({ running: all.running + use.running, waiting: all.waiting + use.waiting }), {
      running: 0,
      waiting
    })
  }

  /** Closes the connections as soon as the requests under way have ended; those that still come are served. */
  async retire(): Promise<void> {
    const checks = this.#checks
    checks?.stop()
    const all = [...this.#connections, ...(checks?.connections ?? [])]
    await Promise.all(all.map(connections => connections.retire()))
  }

  #connectionsTo(origin: string): TargetConnections {
    const { targets: _targets, ...options } = this.options
    const ofTarget: TargetOptions = defined({ ...options, origin })
    return new TargetConnections(this.name, ofTarget, this.#parts)
  }

  #guarded(
    targets: ReadonlyArray<{ readonly origin: string; readonly weight: number; readonly name?: string | undefined }>
  ) {
    const { ejection = null, breaker = null, retries = null, bulkhead = null } = this.options
    const log = this.#parts.log ?? (() => {})
    const clock = (): number => performance.now()
    return new GuardedUpstream(
      this.name,
      {
        targets: targets.flatMap(({ origin, weight, name }, place) => {
          const connections = this.#connections[place]
          return connections === undefined ? [] : [{ name: targetName(name, place), origin, weight, connections }]
        }),
        ejection,
        breaker,
        retries,
        bulkhead
      },
      { clock, random: Math.random, startTimer, log }
    )
  }
}

/** Whether a request to an upstream needs more than a connection. */
function isGuarded({ targets, healthCheck, retries, breaker, bulkhead }: ReadUpstream): boolean {
  return (targets?.length ?? 1) > 1 || [healthCheck, retries, breaker, bulkhead].some(option => option !== undefined)
}
