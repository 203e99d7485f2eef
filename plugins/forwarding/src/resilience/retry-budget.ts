/** What an upstream may repeat. */
export interface RetryBudgetRules {
  /** Repetitions in percent of the requests. */
  readonly budgetPercent: number
  /** How many may be saved up; so many are there at the beginning. */
  readonly burst: number
}

/**
 * How many repetitions an upstream has left. Of any number of requests in a row at most `burst` and that share are
 * repeated, so that an upstream that fails gets little more to do, however many fail.
 */
export class RetryBudget {
  readonly #earned: number
  readonly #most: number
  #left: number

  constructor({ budgetPercent, burst }: RetryBudgetRules) {
    this.#earned = budgetPercent
    this.#most = burst * 100
    this.#left = this.#most
  }

  /** A request came. */
  earn(): void {
    this.#left = Math.min(this.#most, this.#left + this.#earned)
  }

  /** @returns false when nothing is left */
  take(): boolean {
    if (this.#left < 100) return false
    this.#left -= 100
    return true
  }
}
