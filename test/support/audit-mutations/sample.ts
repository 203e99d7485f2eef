import { createHash } from 'node:crypto'

/** Items that a seed chooses: the same for the same items, and others when there are more of them. */
export function sampleOf<Item extends { readonly name: string }>(
  items: readonly Item[],
  count: number,
  seed: string
): Item[] {
  const kindOf = ({ name }: Item): string => name.replaceAll(/[0-9a-f-]{36}|\d+/g, '')
  // First one of each kind, then whatever comes.
  const ordered = items
    .map((item, place) => ({
      item,
      rank: createHash('sha256')
        .update(`${seed} ${kindOf(item)} ${place}`)
        .digest('hex')
    }))
    .toSorted((one, other) => (one.rank < other.rank ? -1 : 1))
    .map(({ item }) => item)
  const kinds = new Set<string>()
  const isFirstOfItsKind = (item: Item): boolean => !kinds.has(kindOf(item)) && kinds.add(kindOf(item)) !== null
  const firsts = ordered.filter(isFirstOfItsKind)
  const others = ordered.filter(item => !firsts.includes(item))
  return [...firsts, ...others].slice(0, count)
}
