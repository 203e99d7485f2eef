import type { Clock } from '@sallyport/security-context/mechanics'

/**
 * Remembers what `load` found for a short time; concurrent questions share one load, a failed load is not remembered.
 * @param freshnessMs how long an answer is believed
 */
export function freshValue<T>(clock: Clock, freshnessMs: number, load: () => Promise<T>): () => Promise<T> {
  let known: { readonly atMs: number; readonly value: T } | null = null
  let loading: Promise<T> | null = null
  return async () => {
    if (known !== null && clock() - known.atMs < freshnessMs) return known.value
    const atMs = clock()
    loading ??= load()
      .then(value => {
        known = { atMs, value }
        return value
      })
      .finally(() => {
        loading = null
      })
    return await loading
  }
}
