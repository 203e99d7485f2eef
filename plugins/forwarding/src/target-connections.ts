import { Dispatcher } from 'undici'
import { upstreamUse, type UpstreamUse } from './measure-upstreams.ts'
import { openUpstreamPool } from './open-upstream-pool.ts'
import type { OpenUpstream } from './options.ts'
import type { TargetOptions } from './upstream-options.ts'

/** What carries requests where an upstream says nothing of its own. */
export interface UpstreamCarriers {
  /** Of whoever gave it, and never closed here. */
  readonly dispatcher?: Dispatcher | undefined
  readonly openUpstream?: OpenUpstream | undefined
}

/** The connections to one origin. They are opened by the first request. */
export class TargetConnections extends Dispatcher {
  readonly #name: string
  readonly #options: TargetOptions
  readonly #carriers: UpstreamCarriers
  readonly #given: Dispatcher | null
  #own: Dispatcher | null = null
  #isRetired = false

  constructor(name: string, options: TargetOptions, carriers: UpstreamCarriers) {
    super()
    this.#name = name
    this.#options = options
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

  /** Requests under way and waiting, `null` when what carries them does not tell. */
  use(): UpstreamUse | null {
    return upstreamUse(this.#given ?? this.#own, this.#options.origin)
  }

  /** Closes the connections as soon as the requests under way have ended; those that still come are served. */
  async retire(): Promise<void> {
    this.#isRetired = true
    const own = this.#own
    this.#own = null
    await own?.close()
  }

  #open(): Dispatcher {
    return this.#carriers.openUpstream?.(this.#name, this.#options) ?? openUpstreamPool(this.#options)
  }
}

/** Whether the connections to an upstream may be those that it shares with others. */
function saysNothing({ tls, maxConnections, maxQueued, connectTimeoutMs }: TargetOptions): boolean {
  return [tls, maxConnections, maxQueued, connectTimeoutMs].every(option => option === undefined)
}
