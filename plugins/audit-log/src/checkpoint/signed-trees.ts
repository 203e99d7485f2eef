import { withDeadline, type MonotonicClock } from '@sallyport/security-context/mechanics'
import type { Knex } from 'knex'
import type { Rows } from '../seal-pending.ts'
import { mayFollow } from './anchor-history.ts'
import type { CheckpointAnchor } from './anchors.ts'
import { openCheckpoint, type Checkpoint } from './checkpoint.ts'
import type { CheckpointKeys } from './make-checkpoint.ts'

/** What is signed of a trail. */
export interface SignedTrees {
  readonly anchored: readonly Checkpoint[]
  /** Roots by size, of anchors and of the database; two for one size are both compared. */
  readonly bySize: ReadonlyMap<number, readonly Buffer[]>
}

/** Collaborators of {@link createSignedSources}. */
export interface SignedSourcesOptions {
  readonly db: Knex
  readonly keys: CheckpointKeys
  readonly anchors: readonly CheckpointAnchor[]
  readonly monotonicClock: MonotonicClock
  /** Called when an anchor stops to answer, with why, and when it answers again. */
  readonly onAnchor: (anchor: CheckpointAnchor, error: unknown) => void
}

/** Reads what is signed, by the anchors that answer and in the database. */
export interface SignedSources {
  /**
   * What is signed from this size on; `null` when an anchor has something that nobody known signed, or went back to an
   * earlier checkpoint.
   */
  readonly read: (from: number) => Promise<SignedTrees | null>
  /** Names of the anchors that do not answer. */
  readonly away: () => readonly string[]
}

/** An anchor that is away is not asked at each step, which would wait for it each time. */
const ASK_AGAIN_MS = 30_000
/** Longer than a request to an anchor may take. */
const ANSWER_TIMEOUT_MS = 20_000

/** Makes the reader. Of an anchor that is away the last checkpoint that it showed still counts. */
export function createSignedSources(options: SignedSourcesOptions): SignedSources {
  const { db, keys, anchors, monotonicClock, onAnchor } = options
  /** The last checkpoint of each anchor. */
  const seen = new Map<CheckpointAnchor, Checkpoint>()
  /** When those that are away are asked again. */
  const away = new Map<CheckpointAnchor, number>()

  /** `'away'` where there is no answer. */
  async function latestOf(anchor: CheckpointAnchor): Promise<string | null | 'away'> {
    if ((away.get(anchor) ?? 0) > monotonicClock()) return 'away'
    try {
      const note = await withDeadline(anchor.latest(), ANSWER_TIMEOUT_MS)
      if (away.delete(anchor)) onAnchor(anchor, null)
      return note
    } catch (error) {
      if (!away.has(anchor)) onAnchor(anchor, error)
      away.set(anchor, monotonicClock() + ASK_AGAIN_MS)
      return 'away'
    }
  }

  /** `null`: it has what it cannot have. */
  async function checkpointsOf(anchor: CheckpointAnchor): Promise<readonly Checkpoint[] | null> {
    const note = await latestOf(anchor)
    const before = seen.get(anchor)
    if (note === 'away') return before === undefined ? [] : [before]
    if (note === null) return before === undefined ? [] : null
    const checkpoint = openCheckpoint(note, keys.verifiers)
    if (checkpoint === null || (before !== undefined && !mayFollow(before, checkpoint))) return null
    seen.set(anchor, checkpoint)
    return [checkpoint]
  }

  async function read(from: number): Promise<SignedTrees | null> {
    const anchored: Checkpoint[] = []
    for (const checkpoints of await Promise.all(anchors.map(checkpointsOf))) {
      if (checkpoints === null) return null
      anchored.push(...checkpoints)
    }
    const { rows } = await db.raw<Rows<{ size: string; note: string }>>(
      'select size, note from audit_checkpoints where size >= ? order by size limit 1000',
      [from]
    )
    const bySize = new Map<number, Buffer[]>()
    for (const { size, root } of anchored) bySize.set(size, [...(bySize.get(size) ?? []), root])
    for (const { size, note } of rows) {
      const checkpoint = openCheckpoint(note, keys.verifiers)
      // One that is not as it was signed agrees with no tree.
      const root = checkpoint?.size === Number(size) ? checkpoint.root : Buffer.alloc(0)
      bySize.set(Number(size), [...(bySize.get(Number(size)) ?? []), root])
    }
    return { anchored, bySize }
  }

  return { read, away: () => [...away.keys()].map(({ name }) => name) }
}
