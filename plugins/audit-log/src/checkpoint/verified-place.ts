import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { frontierRoot, isFrontier, type Frontier } from './merkle-tree.ts'
import { openNote, signNote, type CheckpointSigner, type CheckpointVerifier } from './signed-note.ts'

/** How far a pass of the verifier is. */
export interface VerifiedPlace {
  readonly sequence: number
  /** Chain hash of that sequence. */
  readonly previous: Buffer
  readonly frontier: Frontier
}

const PLACE_FORM = 'sallyport audit verified 1'

/** Writes the place, signed: nobody else can say that rows are verified. It is a note that is no checkpoint. */
export function writeVerified(path: string, place: VerifiedPlace, signers: readonly CheckpointSigner[]): void {
  const { sequence, previous, frontier } = place
  const lines = [
    PLACE_FORM,
    `${sequence}`,
    previous.toString('hex'),
    ...frontier.roots.map(root => root.toString('hex'))
  ]
  writeFileSync(`${path}.new`, signNote(`${lines.join('\n')}\n`, signers), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** The place that was written; `null` when there is none that one of the keys signed. */
export function readVerified(path: string, verifiers: readonly CheckpointVerifier[]): VerifiedPlace | null {
  let note: string
  try {
    note = readFileSync(path, 'utf8')
  } catch {
    return null
  }
  const [form, size = '', previous = '', ...roots] = openNote(note, verifiers)?.trimEnd().split('\n') ?? []
  const sequence = Number(size)
  const frontier = { size: sequence, roots: roots.map(root => Buffer.from(root, 'hex')) }
  if (form !== PLACE_FORM || !isFrontier(frontier) || frontierRoot(frontier).length !== 32) return null
  return { sequence, previous: Buffer.from(previous, 'hex'), frontier }
}
