import type { Clock } from '@sallyport/security-context/mechanics'

/**
 * Remembers what may be used once, for all workers: in the supervisor, which outlives them. Bounded; the oldest are
 * forgotten first.
 * @param most how many
 */
export class RememberedOnce {
  readonly #used = new Map<string, number>()
  readonly #most: number
  readonly #clock: Clock

  constructor(most: number, clock: Clock) {
    this.#most = most
    this.#clock = clock
  }

  /** Whether nobody has used it, or not until `expiresAtMs` (epoch). */
  record(key: string, expiresAtMs: number): boolean {
    const untilMs = this.#used.get(key)
    if (untilMs !== undefined && this.#clock() < untilMs) return false
    this.#used.delete(key)
    this.#used.set(key, expiresAtMs)
    const [oldest] = this.#used.keys()
    if (this.#used.size > this.#most && oldest !== undefined) this.#used.delete(oldest)
    return true
  }
}
