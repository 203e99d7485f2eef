import type { Knex } from 'knex'
import type { RecordedVersions } from '../build-record.ts'
import type { CheckpointAnchor } from '../checkpoint/anchors.ts'
import { openCheckpoint, signCheckpoint, type Checkpoint } from '../checkpoint/checkpoint.ts'
import { growFrontier, storeCheckpoint, type CheckpointKeys } from '../checkpoint/make-checkpoint.ts'
import { EMPTY_FRONTIER, frontierRoot } from '../checkpoint/merkle-tree.ts'
import { poolAsItIs } from '../connection.ts'
import { pruningRecord } from '../pruning-mark.ts'
import { CURRENT_VERSION } from '../record.ts'
import { readHead, type AuditHead, type Rows } from '../seal-pending.ts'
import { sealNow } from '../seal-now.ts'
import { insertRecords } from '../store.ts'
import { verifyChain } from '../verify-chain.ts'

/** Action of the row in which a restored trail says what it was restored to, and what it had been before. */
export const RESTORED_ACTION = 'audit.restored'

/** What {@link resumeTrail} works with. */
export interface TrailRestore {
  /** Pool of the app role on the restored database; no process of it runs. */
  readonly db: Knex
  readonly keys: CheckpointKeys
  /** All of them: one that is left out contradicts the trail from now on. */
  readonly anchors: readonly CheckpointAnchor[]
  /** Name of this job in its row. */
  readonly process: string
  /** Who does it, and why, for the row. */
  readonly detail?: Readonly<Record<string, string>>
  /** Which release and configuration did it, for its rows. */
  readonly versions?: RecordedVersions | undefined
  /** Limit of each step, in ms. */
  readonly timeoutMs: number
}

/** What was done. */
export interface ResumedTrail {
  /** How often this trail was restored, this time included. */
  readonly epoch: number
  /** Where the backup ended. */
  readonly restored: AuditHead
  /** Rows that the anchors know of and the backup does not. */
  readonly lost: number
  /** The checkpoint that the anchors have now, which says that it takes the place of a longer one. */
  readonly checkpoint: string
}

/**
 * Continues the trail of a database that was restored from a backup, so that it ends before what was signed. A row
 * says so, and a checkpoint that names the one it takes the place of: only who has the signing key can make it, so the
 * owner of the database can still not cut off a tail by himself.
 * @throws when the trail does not verify, when it is not what was signed as far as it goes, when no anchor is ahead of
 * it, and when an anchor does not answer
 */
export async function resumeTrail(given: TrailRestore): Promise<ResumedTrail> {
  const restore = { ...given, db: poolAsItIs(given.db) }
  const { db, keys, anchors, process, detail, timeoutMs, versions } = restore
  const ahead = await aheadOf(restore)
  const report = await verifyChain(db)
  if (!report.ok) throw new Error(`the restored trail does not verify: ${report.problem}`)
  const restored = report.head
  const epoch = (await epochsOf(db)) + 1
  const behind = ahead.map(({ size, root }) => ({ size, root: root.toString('base64') }))
  const facts = { ...detail, epoch, restoredTo: { ...restored }, behind }
  await insertRecords(db, [pruningRecord(CURRENT_VERSION, process, RESTORED_ACTION, facts, versions)], timeoutMs)
  await sealNow(db, { timeoutMs })
  const { size, ...frontier } = await growFrontier({ db, timeoutMs }, EMPTY_FRONTIER, [])
  const head = await readHead(db)
  const root = frontierRoot({ size, ...frontier })
  const chainHash = Buffer.from(head.chainHash, 'hex')
  const checkpoint = signCheckpoint({ size, root, chainHash, replaces: ahead }, keys.signers)
  for (const anchor of anchors) await anchor.add(checkpoint)
  await storeCheckpoint({ db, timeoutMs }, checkpoint, { size, ...frontier })
  const last = Math.max(...ahead.map(each => each.size))
  return { epoch, restored, lost: last - restored.sequence, checkpoint }
}

/** The anchored checkpoints that the trail does not reach; what it reaches has to be the same. */
async function aheadOf({ db, keys, anchors, timeoutMs }: TrailRestore): Promise<Checkpoint[]> {
  const { sequence } = await readHead(db)
  const signed = (await Promise.all(anchors.map(async anchor => checkpointsOf(anchor, keys)))).flat()
  const reached = signed.filter(({ size }) => size <= sequence)
  await growFrontier({ db, timeoutMs }, EMPTY_FRONTIER, reached)
  const ahead = new Map(signed.filter(({ size }) => size > sequence).map(each => [each.size, each]))
  if (ahead.size === 0) throw new Error('no anchor is ahead of the trail: there is nothing to resume')
  return [...ahead.values()].sort((one, other) => one.size - other.size)
}

async function checkpointsOf(anchor: CheckpointAnchor, keys: CheckpointKeys): Promise<Checkpoint[]> {
  const note = await anchor.latest()
  if (note === null) return []
  const checkpoint = openCheckpoint(note, keys.verifiers)
  if (checkpoint === null) throw new Error(`${anchor.name} has something that no key of this trail signed`)
  return [checkpoint]
}

async function epochsOf(db: Knex): Promise<number> {
  const { rows } = await db.raw<Rows<{ epochs: string }>>(
    'select count(*) as epochs from audit_seals s join audit_events e on e.id = s.event_id where e.action = ?',
    [RESTORED_ACTION]
  )
  return Number(rows[0]?.epochs ?? 0)
}
