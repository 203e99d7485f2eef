import type { TreeHead } from './merkle-tree.ts'
import { openNote, signNote, type CheckpointSigner, type CheckpointVerifier } from './signed-note.ts'

/** What a checkpoint says: the trail of this origin had this tree. */
export interface Checkpoint extends TreeHead {
  /** Names the trail, as the keys do. */
  readonly origin: string
  /** Chain hash of the last row, in an extension line; `null` where a checkpoint has none. */
  readonly chainHash: Buffer | null
  /**
   * Longer trees that this one takes the place of, in extension lines: the database was restored from a backup that
   * does not reach them. None but after a restore.
   */
  readonly replaces: readonly TreeHead[]
}

/** What is signed. */
export type CheckpointContent = Omit<Checkpoint, 'origin' | 'replaces'> & Partial<Pick<Checkpoint, 'replaces'>>

const CHAIN_LINE = /^chain ([A-Za-z0-9+/]{43}=)$/
const REPLACES_LINE = /^replaces (\d{1,15}) ([A-Za-z0-9+/]{43}=)$/

/**
 * A signed checkpoint as text.
 * @see https://c2sp.org/tlog-checkpoint
 */
export function signCheckpoint(
  { size, root, chainHash, replaces = [] }: CheckpointContent,
  signers: readonly [CheckpointSigner, ...CheckpointSigner[]]
): string {
  const [{ name }] = signers
  const extension = chainHash === null ? '' : `chain ${chainHash.toString('base64')}\n`
  const replaced = replaces.map(head => `replaces ${head.size} ${head.root.toString('base64')}\n`)
  return signNote(`${name}\n${size}\n${root.toString('base64')}\n${extension}${replaced.join('')}`, signers)
}

/**
 * Reads a checkpoint that one of the keys signed.
 * @returns `null` for anything else; never a checkpoint of another origin than that of the keys
 * @see https://c2sp.org/tlog-checkpoint
 */
export function openCheckpoint(note: string, verifiers: readonly CheckpointVerifier[]): Checkpoint | null {
  const text = openNote(note, verifiers)
  if (text === null) return null
  const [origin, sizeText, rootText, ...rest] = text.split('\n')
  if (origin === undefined || sizeText === undefined || rootText === undefined || rest.pop() !== '') return null
  if (!verifiers.some(({ name }) => name === origin) || rest.includes('')) return null
  if (!/^(?:0|[1-9]\d{0,14})$/.test(sizeText)) return null
  const root = Buffer.from(rootText, 'base64')
  if (root.length !== 32 || root.toString('base64') !== rootText) return null
  const chain = rest.flatMap(line => CHAIN_LINE.exec(line)?.[1] ?? [])[0]
  const chainHash = chain === undefined ? null : Buffer.from(chain, 'base64')
  const replaces = rest.flatMap(line => {
    const [, replacedSize, replacedRoot] = REPLACES_LINE.exec(line) ?? []
    if (replacedSize === undefined || replacedRoot === undefined) return []
    return [{ size: Number(replacedSize), root: Buffer.from(replacedRoot, 'base64') }]
  })
  return { origin, size: Number(sizeText), root, chainHash, replaces }
}
