import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { frontierRoot, isFrontier, type Frontier } from './merkle-tree.ts'
import type { UnsealedPlace } from '../verify-unsealed.ts'
import { openNote, signNote, type CheckpointSigner, type CheckpointVerifier } from './signed-note.ts'

/** How far a pass of the verifier is. */
export interface VerifiedPlace {
  readonly sequence: number
  /** Chain hash of that sequence. */
  readonly previous: Buffer
  readonly frontier: Frontier
  /** How far rows without a seal were looked for. */
  readonly unsealed: UnsealedPlace
}

const PLACE_FORM = 'sallyport audit verified 2'

const WALKED = /^(\d{1,20}) (\d{1,20})$/

/** Writes the place, signed: nobody else can say that rows are verified. It is a note that is no checkpoint. */
export function writeVerified(path: string, place: VerifiedPlace, signers: readonly CheckpointSigner[]): void {
  const { sequence, previous, frontier, unsealed } = place
  const lines = [
    PLACE_FORM,
    `${sequence}`,
    previous.toString('hex'),
    `${unsealed.transaction} ${unsealed.watermark}`,
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
  const [form, size = '', previous = '', walked = '', ...roots] = openNote(note, verifiers)?.trimEnd().split('\n') ?? []
  const sequence = Number(size)
  const frontier = { size: sequence, roots: roots.map(root => Buffer.from(root, 'hex')) }
  const [, transaction, watermark] = WALKED.exec(walked) ?? []
  if (transaction === undefined || watermark === undefined) return null
  if (form !== PLACE_FORM || !isFrontier(frontier) || frontierRoot(frontier).length !== 32) return null
  const unsealed = { transaction: BigInt(transaction), watermark: BigInt(watermark) }
  return { sequence, previous: Buffer.from(previous, 'hex'), frontier, unsealed }
}
