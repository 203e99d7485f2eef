import { isDeepStrictEqual } from 'node:util'
import { Dispatcher } from 'undici'
import { upstreamUse, type UpstreamUse } from './measure-upstreams.ts'
import { openUpstreamPool } from './open-upstream-pool.ts'
import type { OpenUpstream } from './options.ts'
import type { UpstreamOptions } from './upstream-options.ts'

/** What carries requests where an upstream says nothing of its own. */
export interface UpstreamCarriers {
  /** Of whoever gave it, and never closed here. */
  readonly dispatcher?: Dispatcher | undefined
  readonly openUpstream?: OpenUpstream | undefined
}

/**
 * A service and the connections to it. They outlive tables: the next table takes them over where the options of the
 * upstream are the same.
 */
export class UpstreamConnections extends Dispatcher {
  readonly name: string
  readonly origin: string
  /** `Host` of its requests. */
  readonly host: string
  readonly options: UpstreamOptions
  readonly #carriers: UpstreamCarriers
  readonly #given: Dispatcher | null
  #own: Dispatcher | null = null
  #isRetired = false

  constructor(name: string, options: UpstreamOptions, carriers: UpstreamCarriers) {
    super()
    this.name = name
    this.options = options
    this.origin = options.origin
    this.host = new URL(options.origin).host
    this.#carriers = carriers
    this.#given = options.dispatcher ?? (saysNothing(options) ? (carriers.dispatcher ?? null) : null)
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (this.#given !== null) return this.#given.dispatch(options, handler)
    if (!this.#isRetired) return (this.#own ??= this.#open()).dispatch(options, handler)
    // A request that matched the old table and took its time since: a connection for it alone.
    const own = this.#open()
    const isReady = own.dispatch(options, handler)
    void own.close()
    return isReady
  }

  /** Whether an upstream of the next table is this one. */
  isStill(name: string, options: UpstreamOptions): boolean {
    const { timeouts: _ours, ...ours } = this.options
    const { timeouts: _others, ...others } = options
    return this.name === name && isDeepStrictEqual(ours, others)
  }

  /** Requests under way and waiting, `null` when what carries them does not tell. */
  use(): UpstreamUse | null {
    return upstreamUse(this.#given ?? this.#own, this.origin)
  }

  /** Closes the connections as soon as the requests under way have ended; those that still come are served. */
  async retire(): Promise<void> {
    this.#isRetired = true
    const own = this.#own
    this.#own = null
    await own?.close()
  }

  #open(): Dispatcher {
    return this.#carriers.openUpstream?.(this.name, this.options) ?? openUpstreamPool(this.options)
  }
}

/** Whether the connections to an upstream may be those that it shares with others. */
function saysNothing({ tls, maxConnections, maxQueued, connectTimeoutMs }: UpstreamOptions): boolean {
  return [tls, maxConnections, maxQueued, connectTimeoutMs].every(option => option === undefined)
}
