import { hash } from 'node:crypto'

const LEAF = Buffer.of(0)
const NODE = Buffer.of(1)

/** Root of the tree without leaves. @see RFC 9162 §2.1.1 */
export const EMPTY_ROOT = hash('sha256', '', 'buffer')

/** The hash of a leaf: never that of a node, which has another first byte. @see RFC 9162 §2.1.1 */
export function leafHash(content: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([LEAF, content]), 'buffer')
}

/** The hash of two subtrees. @see RFC 9162 §2.1.1 */
export function nodeHash(left: Buffer, right: Buffer): Buffer {
  return hash('sha256', Buffer.concat([NODE, left, right]), 'buffer')
}

/**
 * The roots of the full subtrees that a tree of some size is made of, the largest first: all that is needed to add
 * leaves. There is one for each bit of the size.
 */
export interface Frontier {
  readonly size: number
  readonly roots: readonly Buffer[]
}

export const EMPTY_FRONTIER: Frontier = { size: 0, roots: [] }

/** The frontier with one more leaf. */
export function addLeaf({ size, roots }: Frontier, content: Uint8Array): Frontier {
  const kept = [...roots]
  let root = leafHash(content)
  for (let rest = size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
    const left = kept.pop()
    if (left === undefined) throw new Error('the frontier does not have the size that it says')
    root = nodeHash(left, root)
  }
  return { size: size + 1, roots: [...kept, root] }
}

/** The root hash of the tree. */
export function frontierRoot({ roots }: Frontier): Buffer {
  return (
    roots.reduceRight<Buffer | null>((right, left) => (right === null ? left : nodeHash(left, right)), null) ??
    EMPTY_ROOT
  )
}

/** Whether there are as many roots as the size has bits. */
export function isFrontier({ size, roots }: Frontier): boolean {
  return (
    Number.isSafeInteger(size) && size >= 0 && roots.length === bitsOf(size) && roots.every(root => root.length === 32)
  )
}

function bitsOf(size: number): number {
  let bits = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2
  return bits
}

/** Gives the root of a full or last subtree: the leaves from `start` up to, not including, `end`. */
export type SubtreeRoot = (start: number, end: number) => Promise<Buffer>

/**
 * The hashes that, with the leaf, make the root of a tree.
 * @see RFC 9162 §2.1.3.1
 */
export async function inclusionProof(index: number, size: number, rootOf: SubtreeRoot): Promise<Buffer[]> {
  if (index < 0 || index >= size) throw new RangeError('there is no such leaf')
  const proof: Buffer[] = []
  let [start, end] = [0, size]
  while (end - start > 1) {
    const middle = start + splitOf(end - start)
    if (index < middle) {
      proof.push(await rootOf(middle, end))
      end = middle
    } else {
      proof.push(await rootOf(start, middle))
      start = middle
    }
  }
  return proof.reverse()
}

/**
 * The hashes that make both the root of a tree and that of the tree it was before.
 * @see RFC 9162 §2.1.4.1
 */
export async function consistencyProof(before: number, size: number, rootOf: SubtreeRoot): Promise<Buffer[]> {
  if (before < 0 || before > size) throw new RangeError('the tree was never larger than it is')
  if (before === 0 || before === size) return []
  const proof: Buffer[] = []
  let [start, end, isWhole] = [0, size, true]
  while (before !== end) {
    const middle = start + splitOf(end - start)
    if (before <= middle) {
      proof.push(await rootOf(middle, end))
      end = middle
    } else {
      proof.push(await rootOf(start, middle))
      start = middle
      isWhole = false
    }
  }
  if (!isWhole) proof.push(await rootOf(start, end))
  return proof.reverse()
}

/** The largest power of two that is less than the number of leaves. */
function splitOf(leaves: number): number {
  let split = 1
  while (split * 2 < leaves) split *= 2
  return split
}

/** Whether the proof leads from the leaf to the root. @see RFC 9162 §2.1.3.2 */
export function provesInclusion(
  { index, size, root }: { readonly index: number; readonly size: number; readonly root: Buffer },
  content: Uint8Array,
  proof: readonly Buffer[]
): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false
  let [at, last, found] = [index, size - 1, leafHash(content)]
  for (const sibling of proof) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      found = nodeHash(sibling, found)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)]
    } else found = nodeHash(found, sibling)
    ;[at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  }
  return last === 0 && found.equals(root)
}

/** A tree that somebody signed. */
export interface TreeHead {
  readonly size: number
  readonly root: Buffer
}

/** Whether the later tree begins with the earlier one. @see RFC 9162 §2.1.4.2 */
export function provesConsistency(earlier: TreeHead, later: TreeHead, proof: readonly Buffer[]): boolean {
  if (earlier.size > later.size) return false
  if (earlier.size === later.size) return proof.length === 0 && earlier.root.equals(later.root)
  if (earlier.size === 0) return proof.length === 0 && earlier.root.equals(EMPTY_ROOT)
  const isFull = bitsOf(earlier.size) === 1
  const [first, ...rest] = isFull ? [earlier.root, ...proof] : proof
  if (first === undefined) return false
  let [at, last] = [earlier.size - 1, later.size - 1]
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  let [before, after] = [first, first]
  for (const sibling of rest) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      before = nodeHash(sibling, before)
      after = nodeHash(sibling, after)
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)]
    } else after = nodeHash(after, sibling)
    ;[at, last] = [Math.floor(at / 2), Math.floor(last / 2)]
  }
  return last === 0 && before.equals(earlier.root) && after.equals(later.root)
}
