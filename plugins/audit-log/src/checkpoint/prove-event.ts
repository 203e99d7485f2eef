import type { Knex } from 'knex'
import { contentProblem, SELECT_RECORD, type AuditRecord } from '../record.ts'
import type { Rows } from '../seal-pending.ts'
import { openCheckpoint, type Checkpoint } from './checkpoint.ts'
import {
  addLeaf,
  consistencyProof,
  EMPTY_FRONTIER,
  frontierRoot,
  inclusionProof,
  provesConsistency,
  provesInclusion
} from './merkle-tree.ts'
import { readLeaves } from './make-checkpoint.ts'
import type { CheckpointVerifier } from './signed-note.ts'

/** That a row is in the trail, for somebody who has nothing of it but a key. */
export interface EventProof {
  readonly form: typeof EVENT_PROOF_FORM
  /** Signed. */
  readonly checkpoint: string
  readonly sequence: number
  /** `null` when it was pruned: a copy of it is compared with the hash. */
  readonly record: AuditRecord | null
  /** What the proof is of, for whoever reads it; whoever verifies it looks at the record. */
  readonly proves: ProvedOfEvent
  /** Hexadecimal, like the hashes of the proof. */
  readonly contentHash: string
  readonly proof: readonly string[]
}

/** A record as it was written; or, where it was pruned, only that something with this hash has this place. */
export type ProvedOfEvent = 'record' | 'place-and-hash'

/** What a proof of this record is of. */
export function provedOfEvent(record: AuditRecord | null): ProvedOfEvent {
  return record === null ? 'place-and-hash' : 'record'
}

/** That a later trail begins with an earlier one. */
export interface GrowthProof {
  readonly form: typeof GROWTH_PROOF_FORM
  readonly earlier: string
  readonly later: string
  readonly proof: readonly string[]
}

export const EVENT_PROOF_FORM = 'sallyport-audit-event-proof 1'
export const GROWTH_PROOF_FORM = 'sallyport-audit-growth-proof 1'

const LEAVES_TOGETHER = 5000
const PATIENT_MS = 60_000

/** The root over the seals from one place up to another, read from the database. */
export async function sealsRoot(db: Knex, start: number, end: number): Promise<Buffer> {
  let frontier = EMPTY_FRONTIER
  for (let place = start; place < end;) {
    const leaves = await readLeaves(db, place, Math.min(LEAVES_TOGETHER, end - place), PATIENT_MS)
    if (leaves.length === 0) throw new Error(`the trail ends at ${place}`)
    for (const leaf of leaves) frontier = addLeaf(frontier, leaf)
    place += leaves.length
  }
  return frontierRoot(frontier)
}

/**
 * Proves that a row is under a checkpoint. It reads every seal once.
 * @param note a checkpoint that one of the keys signed
 */
export async function proveEvent(
  db: Knex,
  sequence: number,
  note: string,
  verifiers: readonly CheckpointVerifier[]
): Promise<EventProof> {
  const { size } = openOrRefuse(note, verifiers)
  if (sequence < 1 || sequence > size) throw new Error(`${sequence} is not under the checkpoint of ${size} rows`)
  const [contentHash] = await readLeaves(db, sequence - 1, 1, PATIENT_MS)
  if (contentHash === undefined) throw new Error(`there is no seal ${sequence}`)
  const { rows } = await db.raw<Rows<AuditRecord>>(
    `select ${SELECT_RECORD} from audit_seals s join audit_events e on e.id = s.event_id where s.sequence = ?`,
    [sequence]
  )
  const proof = await inclusionProof(sequence - 1, size, (start, end) => sealsRoot(db, start, end))
  const record = rows[0] ?? null
  const shown = { contentHash: contentHash.toString('hex'), proof: proof.map(hash => hash.toString('hex')) }
  const said = { sequence, record, proves: provedOfEvent(record) }
  const proved: EventProof = { form: EVENT_PROOF_FORM, checkpoint: note, ...said, ...shown }
  if (!isProofRight(proved, verifiers)) throw new Error('the trail contradicts the checkpoint: nothing can be proved')
  return proved
}

/** Proves that the trail of a later checkpoint begins with that of an earlier one. */
export async function proveGrowth(
  db: Knex,
  earlier: string,
  later: string,
  verifiers: readonly CheckpointVerifier[]
): Promise<GrowthProof> {
  const { size: before } = openOrRefuse(earlier, verifiers)
  const { size } = openOrRefuse(later, verifiers)
  const proof = await consistencyProof(before, size, (start, end) => sealsRoot(db, start, end))
  const proved = { form: GROWTH_PROOF_FORM, earlier, later, proof: proof.map(hash => hash.toString('hex')) } as const
  if (!isProofRight(proved, verifiers)) throw new Error('the trail contradicts a checkpoint: nothing can be proved')
  return proved
}

function openOrRefuse(note: string, verifiers: readonly CheckpointVerifier[]): Checkpoint {
  const checkpoint = openCheckpoint(note, verifiers)
  if (checkpoint === null) throw new Error('the checkpoint is not signed by a key that was given')
  return checkpoint
}

/** Whether a proof holds, with nothing else but the keys. */
export function isProofRight(given: EventProof | GrowthProof, verifiers: readonly CheckpointVerifier[]): boolean {
  const proof = given.proof.map(hash => Buffer.from(hash, 'hex'))
  if (given.form === GROWTH_PROOF_FORM) {
    const [earlier, later] = [openCheckpoint(given.earlier, verifiers), openCheckpoint(given.later, verifiers)]
    return earlier !== null && later !== null && provesConsistency(earlier, later, proof)
  }
  const checkpoint = openCheckpoint(given.checkpoint, verifiers)
  const contentHash = Buffer.from(given.contentHash, 'hex')
  if (checkpoint === null || contentHash.length !== 32) return false
  if (given.record !== null && contentProblem(given.record, contentHash) !== null) return false
  return provesInclusion({ index: given.sequence - 1, ...checkpoint }, contentHash, proof)
}
