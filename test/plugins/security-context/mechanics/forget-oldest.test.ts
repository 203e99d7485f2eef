import { forgetOldest } from '@sallyport/security-context/mechanics'
import t from 'tap'

/** A cache of numbers, the least recently used first. */
function cacheOf(...numbers: readonly number[]) {
  const entries = new Map(numbers.map(number => [String(number), { number }]))
  return {
    rkeys: () => entries.keys(),
    peek: (key: string) => entries.get(key),
    delete: (key: string) => entries.delete(key),
    left: () => [...entries.values()].map(({ number }) => number)
  }
}

t.test('two entries that are over leave, those unused for longest', async t => {
  const cache = cacheOf(1, 2, 3, 9)
  forgetOldest(cache, ({ number }) => number < 5)
  t.same(cache.left(), [3, 9])
  forgetOldest(cache, ({ number }) => number < 5)
  t.same(cache.left(), [9])
  forgetOldest(cache, ({ number }) => number < 5)
  t.same(cache.left(), [9])
})

t.test('nothing behind an entry that is still good is looked at', async t => {
  const cache = cacheOf(9, 1)
  forgetOldest(cache, ({ number }) => number < 5)
  t.same(cache.left(), [9, 1])
})
