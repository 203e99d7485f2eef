import type { Store } from '../contract.ts'

/** One promise of the storage contract, as a check that any store can be held to. */
export interface StoreCheck {
  /** A sentence of behaviour. */
  readonly title: string
  /**
   * Rejects when the store does not keep the promise.
   * @param store empty, or used by other checks before: every check makes what it needs under new ids
   */
  readonly run: (store: Store) => Promise<void>
}
