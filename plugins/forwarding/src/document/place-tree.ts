import { isAlias, isMap, isScalar, isSeq, type Pair } from 'yaml'
import type { PlacedMember, PlacedMistake, PlacedNode } from './placed-node.ts'

/** Values that a document may have, those repeated by aliases counted again. */
const MOST_NODES = 100_000

/** A tree that an alias can repeat, and how many values it has. */
interface AnchoredNode {
  readonly node: PlacedNode
  readonly size: number
}

/**
 * Turns what the parser composed into a tree of values with their places. An alias stands for what its anchor has
 * before it. The number of values is limited, so that a small text cannot stand for an endless document.
 * @param composed the root of the document, whose depth is limited
 * @param end length of the text
 * @param mistakes gets what is wrong with keys, aliases and size
 */
export function placeTree(composed: unknown, end: number, mistakes: PlacedMistake[]): PlacedNode {
  const anchors = new Map<string, AnchoredNode>()
  let size = 0

  function grow(by: number, at: number): void {
    if (size <= MOST_NODES && size + by > MOST_NODES) {
      mistakes.push({ at, message: `the document has more than ${MOST_NODES} values` })
    }
    size += by
  }

  function place(node: unknown): PlacedNode {
    const before = size
    const placed = placeBare(node)
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined
    // Known only when it is complete: a value that contains itself cannot be written down.
    if (anchor !== undefined) anchors.set(anchor, { node: placed, size: size - before })
    return placed
  }

  function placeBare(node: unknown): PlacedNode {
    const at = startOffset(node) ?? end
    grow(1, at)
    if (isAlias(node)) return repeated(node.source, at)
    if (isMap(node)) return { kind: 'map', at, members: placeMembers(node.items) }
    if (isSeq(node)) return { kind: 'list', at, items: node.items.map(place) }
    const value: unknown = isScalar(node) ? node.value : null
    if (typeof value === 'string') return { kind: 'text', at, value }
    return { kind: 'scalar', at, value: typeof value === 'number' || typeof value === 'boolean' ? value : null }
  }

  function placeMembers(pairs: readonly Pair[]): ReadonlyMap<string, PlacedMember> {
    const members = new Map<string, PlacedMember>()
    for (const { key, value } of pairs) {
      const keyAt = startOffset(key) ?? startOffset(value) ?? end
      const name: unknown = isScalar(key) ? key.value : undefined
      const node: PlacedNode = value === null ? { kind: 'scalar', at: keyAt, value: null } : place(value)
      if (typeof name !== 'string') mistakes.push({ at: keyAt, message: 'a key must be a text: write it in quotes' })
      else if (members.has(name)) mistakes.push({ at: keyAt, message: `${JSON.stringify(name)} is here a second time` })
      else members.set(name, { keyAt, node })
    }
    return members
  }

  function repeated(anchor: string, at: number): PlacedNode {
    const anchored = anchors.get(anchor)
    if (anchored === undefined) mistakes.push({ at, message: `the alias *${anchor} stands for nothing before it` })
    else grow(anchored.size, at)
    return anchored?.node ?? { kind: 'scalar', at, value: null }
  }

  return place(composed)
}

function startOffset(node: unknown): number | null {
  if (!isMap(node) && !isSeq(node) && !isScalar(node) && !isAlias(node)) return null
  return node.range?.[0] ?? null
}
