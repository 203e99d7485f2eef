import { createHash } from 'node:crypto'
import t from 'tap'
import {
  addLeaf,
  consistencyProof,
  EMPTY_FRONTIER,
  frontierRoot,
  inclusionProof,
  isFrontier,
  provesConsistency,
  provesInclusion,
  type Frontier
} from '../../../plugins/audit-log/src/checkpoint/merkle-tree.ts'

const SIZES = 40
const contents = Array.from({ length: SIZES }, (_, n) => createHash('sha256').update(`leaf ${n}`).digest())
const sha256 = (...parts: readonly (Uint8Array | string)[]): Buffer =>
  parts.reduce((digest, part) => digest.update(part), createHash('sha256')).digest()

/** The definition, word for word. @see RFC 9162 §2.1.1 */
function treeHash(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves
  if (first === undefined) return sha256('')
  if (leaves.length === 1) return sha256(Buffer.of(0), first)
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return sha256(Buffer.of(1), treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)))
}
const rootOf = async (start: number, end: number): Promise<Buffer> => treeHash(contents.slice(start, end))
const flipped = (hash: Buffer): Buffer => {
  const changed = Buffer.from(hash)
  changed.writeUInt8(changed.readUInt8(7) ^ 4, 7)
  return changed
}

t.test('the root that grows leaf by leaf is the one of the definition', async t => {
  let frontier: Frontier = EMPTY_FRONTIER
  t.same(frontierRoot(frontier), treeHash([]))
  for (const [index, content] of contents.entries()) {
    frontier = addLeaf(frontier, content)
    t.ok(isFrontier(frontier))
    t.same(frontierRoot(frontier), treeHash(contents.slice(0, index + 1)))
  }
  t.notOk(isFrontier({ ...frontier, size: frontier.size - 1 }))
})

t.test('a known root: eight leaves of the test data of Certificate Transparency', async t => {
  const leaves = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
  const frontier = leaves.reduce((grown, hex) => addLeaf(grown, Buffer.from(hex, 'hex')), EMPTY_FRONTIER)
  t.equal(frontierRoot(frontier).toString('hex'), '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
})

t.test('every inclusion is proved, and no changed proof, leaf, place or size is', async t => {
  let missed = 0
  for (let size = 1; size <= SIZES; size++) {
    const root = treeHash(contents.slice(0, size))
    for (let index = 0; index < size; index++) {
      const content = contents[index] ?? Buffer.alloc(0)
      const proof = await inclusionProof(index, size, rootOf)
      if (!provesInclusion({ index, size, root }, content, proof)) missed++
      const wrong = [
        provesInclusion({ index, size, root: flipped(root) }, content, proof),
        provesInclusion({ index, size, root }, flipped(content), proof),
        provesInclusion({ index: index + 1, size, root }, content, proof),
        provesInclusion({ index, size, root }, content, [...proof, root]),
        ...(proof.length === 0 ? [] : [provesInclusion({ index, size, root }, content, proof.slice(1))]),
        ...proof.map((hash, n) => provesInclusion({ index, size, root }, content, proof.with(n, flipped(hash))))
      ]
      missed += wrong.filter(Boolean).length
    }
  }
  t.equal(missed, 0)
  await t.rejects(inclusionProof(5, 5, rootOf), RangeError)
})

t.test('every growth is proved, and no changed proof or root is', async t => {
  let missed = 0
  for (let size = 1; size <= SIZES; size++) {
    const later = { size, root: treeHash(contents.slice(0, size)) }
    for (let before = 0; before <= size; before++) {
      const earlier = { size: before, root: treeHash(contents.slice(0, before)) }
      const proof = await consistencyProof(before, size, rootOf)
      if (!provesConsistency(earlier, later, proof)) missed++
      const wrong = [
        provesConsistency({ ...earlier, root: flipped(earlier.root) }, later, proof),
        provesConsistency(earlier, later, [...proof, later.root]),
        ...(before === 0 ? [] : [provesConsistency(earlier, { ...later, root: flipped(later.root) }, proof)]),
        ...(before === size ? [] : [provesConsistency(later, earlier, proof)]),
        ...proof.map((hash, n) => provesConsistency(earlier, later, proof.with(n, flipped(hash))))
      ]
      missed += wrong.filter(Boolean).length
    }
  }
  t.equal(missed, 0)
  await t.rejects(consistencyProof(6, 5, rootOf), RangeError)
})
