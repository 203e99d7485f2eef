import type { Knex } from 'knex'
import { withConnection } from '../connection.ts'
import type { Rows } from '../seal-pending.ts'
import type { CheckpointAnchor } from './anchors.ts'
import { openCheckpoint, signCheckpoint, type Checkpoint, type CheckpointContent } from './checkpoint.ts'
import { addLeaf, EMPTY_FRONTIER, frontierRoot, isFrontier, type Frontier } from './merkle-tree.ts'
import type { CheckpointSigner, CheckpointVerifier } from './signed-note.ts'
import { TreeProblemError } from './tree-problem.ts'

/** What signs, and what knows earlier signatures. */
export interface CheckpointKeys {
  /** All of them sign, so that whoever knows only the old key goes on during a rotation. */
  readonly signers: readonly [CheckpointSigner, ...CheckpointSigner[]]
  /** Of the signers, and of keys that signed before. */
  readonly verifiers: readonly CheckpointVerifier[]
}

/** Collaborators of {@link makeCheckpoint}. */
export interface CheckpointRun {
  readonly db: Knex
  readonly keys: CheckpointKeys
  readonly anchors: readonly CheckpointAnchor[]
  /** Limit of each step, in ms. */
  readonly timeoutMs: number
  /** Called when an anchor fails; the others go on. */
  readonly onAnchorError: (anchor: CheckpointAnchor, error: unknown) => void
}

/** A new checkpoint. */
export interface MadeCheckpoint {
  readonly note: string
  readonly size: number
  /** How many anchors keep it. */
  readonly anchored: number
}

const LEAVES_READ = 5000

/**
 * Signs the tree over all seals, gives it to the anchors and stores it. What was signed before, by the stored
 * checkpoint and by every anchor that answers, must be a beginning of it: whatever somebody did to the database, two
 * checkpoints that contradict each other are never signed.
 * @returns `null` when nothing was sealed since the last one, and the anchors have that
 * @throws {TreeProblemError} `SALLYPORT_AUDIT_CHECKPOINT_REFUSED`
 */
export async function makeCheckpoint(run: CheckpointRun): Promise<MadeCheckpoint | null> {
  const { db, keys, anchors, timeoutMs, onAnchorError } = run
  const stored = await readStored(db, keys, timeoutMs)
  const states = await Promise.all(anchors.map(async anchor => anchorState(anchor, keys, onAnchorError)))
  const signed = states.flatMap(({ latest }) => latest ?? [])
  const known = stored === null ? signed : [stored.checkpoint, ...signed]
  for (const checkpoint of known) await compareChain(run, checkpoint)
  const frontier = await growFrontier(run, stored?.frontier ?? EMPTY_FRONTIER, signed)
  const chainHash = await chainHashAt(run, frontier.size)
  const tree: CheckpointContent = { size: frontier.size, root: frontierRoot(frontier), chainHash }
  const isNew = tree.size > (stored?.checkpoint.size ?? 0)
  const behind = states.filter(({ isAway, latest }) => !isAway && (latest?.size ?? 0) < tree.size)
  if (!isNew && behind.length === 0) return null
  const note = isNew || stored === null ? signCheckpoint(tree, keys.signers) : stored.note
  let anchored = 0
  for (const { anchor } of behind) {
    await anchor.add(note).then(
      () => anchored++,
      (error: unknown) => {
        onAnchorError(anchor, error)
      }
    )
  }
  if (isNew) await storeCheckpoint(run, note, frontier)
  return { note, size: tree.size, anchored }
}

/** The chain hash covers every row before it, so one look says whether the trail is still the one that was signed. */
async function compareChain(run: CheckpointRun, { size, chainHash }: Checkpoint): Promise<void> {
  if (size === 0) return
  const found = await chainHashAt(run, size)
  if (found === null) throw new TreeProblemError('behind-anchor', size)
  if (chainHash !== null && !found.equals(chainHash)) throw new TreeProblemError('forked', size)
}

async function chainHashAt({ db, timeoutMs }: CheckpointRun, sequence: number): Promise<Buffer | null> {
  const { rows } = await withConnection(db, timeoutMs, async connection =>
    db
      .raw<Rows<{ chain_hash: Buffer }>>('select chain_hash from audit_seals where sequence = ?', [sequence])
      .connection(connection)
  )
  return rows[0]?.chain_hash ?? null
}

interface StoredCheckpoint {
  readonly note: string
  readonly checkpoint: Checkpoint
  readonly frontier: Frontier
}

/** The last stored checkpoint, as it was signed. */
async function readStored(db: Knex, keys: CheckpointKeys, timeoutMs: number): Promise<StoredCheckpoint | null> {
  const { rows } = await withConnection(db, timeoutMs, async connection =>
    db
      .raw<Rows<{ size: string; note: string; roots: Buffer }>>(
        'select size, note, roots from audit_checkpoints order by size desc limit 1'
      )
      .connection(connection)
  )
  const [row] = rows
  if (row === undefined) return null
  const size = Number(row.size)
  const checkpoint = openCheckpoint(row.note, keys.verifiers)
  const frontier = { size, roots: splitRoots(row.roots) }
  const isAsSigned = checkpoint?.size === size && isFrontier(frontier) && frontierRoot(frontier).equals(checkpoint.root)
  if (checkpoint === null || !isAsSigned) throw new TreeProblemError('checkpoint-changed', size)
  return { note: row.note, checkpoint, frontier }
}

function splitRoots(roots: Buffer): Buffer[] {
  return Array.from({ length: Math.floor(roots.length / 32) }, (_, index) =>
    roots.subarray(index * 32, index * 32 + 32)
  )
}

interface AnchorState {
  readonly anchor: CheckpointAnchor
  readonly latest: Checkpoint | null
  readonly isAway: boolean
}

async function anchorState(
  anchor: CheckpointAnchor,
  keys: CheckpointKeys,
  onAnchorError: CheckpointRun['onAnchorError']
): Promise<AnchorState> {
  let note: string | null
  try {
    note = await anchor.latest()
  } catch (error) {
    onAnchorError(anchor, error)
    return { anchor, latest: null, isAway: true }
  }
  const latest = note === null ? null : openCheckpoint(note, keys.verifiers)
  if (note !== null && latest === null) throw new TreeProblemError('anchor-changed', 0)
  return { anchor, latest, isAway: false }
}

/**
 * Adds the seals since the stored checkpoint, and compares with what was signed on the way.
 * @throws {TreeProblemError} `SALLYPORT_AUDIT_CHECKPOINT_REFUSED`
 */
export async function growFrontier(
  { db, timeoutMs }: Pick<CheckpointRun, 'db' | 'timeoutMs'>,
  start: Frontier,
  signed: readonly Checkpoint[]
): Promise<Frontier> {
  let frontier = start
  const compare = (): void => {
    for (const { size, root } of signed) {
      if (size === frontier.size && !frontierRoot(frontier).equals(root)) throw new TreeProblemError('forked', size)
    }
  }
  compare()
  for (;;) {
    const leaves = await readLeaves(db, frontier.size, LEAVES_READ, timeoutMs)
    for (const leaf of leaves) {
      frontier = addLeaf(frontier, leaf)
      compare()
    }
    if (leaves.length < LEAVES_READ) break
  }
  const ahead = signed.find(({ size }) => size > frontier.size)
  if (ahead !== undefined) throw new TreeProblemError('behind-anchor', ahead.size)
  return frontier
}

/** Content hashes of the seals behind a sequence, without a gap; less than asked for at the end of the trail. */
export async function readLeaves(db: Knex, after: number, limit: number, timeoutMs: number): Promise<Buffer[]> {
  const { rows } = await withConnection(db, timeoutMs, async connection =>
    db
      .raw<Rows<{ sequence: string; content_hash: Buffer }>>(
        'select sequence, content_hash from audit_seals where sequence > ? order by sequence limit ?',
        [after, limit]
      )
      .connection(connection)
  )
  const gap = rows.findIndex(({ sequence }, index) => Number(sequence) !== after + 1 + index)
  if (gap >= 0) throw new TreeProblemError('forked', after + 1 + gap)
  return rows.map(row => row.content_hash)
}

/** Keeps a checkpoint in the database, for the next one to go on from. */
export async function storeCheckpoint(
  { db, timeoutMs }: Pick<CheckpointRun, 'db' | 'timeoutMs'>,
  note: string,
  { size, roots }: Frontier
): Promise<void> {
  await withConnection(db, timeoutMs, async connection => {
    // Another process of this trail may have been first: then it is the same tree.
    await db('audit_checkpoints')
      .connection(connection)
      .insert({ size, note, roots: Buffer.concat([...roots]) })
      .onConflict('size')
      .ignore()
  })
}
