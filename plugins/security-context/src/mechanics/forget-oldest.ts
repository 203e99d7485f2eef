/** What {@link forgetOldest} needs of a cache that drops the least recently used. */
interface CacheByAge<Value> {
  /** Least recently used first. */
  readonly rkeys: () => Iterable<string>
  /** Does not count as a use. */
  readonly peek: (key: string) => Value | undefined
  readonly delete: (key: string) => boolean
}

const LOOKS = 2

/**
 * Deletes what is over among the least recently used entries of a cache. Two for each entry that is added: what is over
 * leaves although nobody asks for it again, and adding costs the same however much is kept.
 */
export function forgetOldest<Value extends object>(cache: CacheByAge<Value>, isOver: (value: Value) => boolean): void {
  const over: string[] = []
  for (const key of cache.rkeys()) {
    const value = cache.peek(key)
    if (over.length === LOOKS || value === undefined || !isOver(value)) break
    over.push(key)
  }
  for (const key of over) cache.delete(key)
}
