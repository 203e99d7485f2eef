import { randomBytes } from 'node:crypto'
import { sealNow, type CheckpointAnchor } from '@sallyport/audit-log'
import type { Knex } from 'knex'
import type { Test } from 'tap'
import { checkpointKeys } from '../../../../plugins/audit-log/src/checkpoint/checkpoint-options.ts'
import { makeCheckpoint } from '../../../../plugins/audit-log/src/checkpoint/make-checkpoint.ts'
import {
  createTrailVerifier,
  type TrailVerifier,
  type VerifiedPass
} from '../../../../plugins/audit-log/src/checkpoint/trail-verifier.ts'
import { auditDatabase, buildApp } from './audited-app.ts'

const KEYS = checkpointKeys({ origin: 'orders.example.com/audit', keys: [randomBytes(32)] })
/** Rows of a new trail. */
export const OWNED_ROWS = 8

/** A trail whose owner attacks it. */
export interface OwnedTrail {
  readonly app: Knex
  /** Of a superuser, who can do everything that an owner can. */
  readonly db: Knex
  readonly pruner: Knex
  readonly write: (count: number) => Promise<void>
  readonly checkpoint: (...anchors: CheckpointAnchor[]) => Promise<void>
  readonly verifier: (...anchors: CheckpointAnchor[]) => Verifying
}

/** A verifier, and what it says at the end of each pass. */
export interface Verifying {
  readonly state: TrailVerifier['state']
  readonly anchors: string[]
  readonly step: TrailVerifier['step']
  readonly passes: VerifiedPass[]
}

/** A trail with eight rows. */
export async function ownedTrail(
  t: Test,
  { placeFile, clock = () => 0 }: { readonly placeFile?: string; readonly clock?: () => number } = {}
): Promise<OwnedTrail> {
  const { app, superuser: db, pruner } = await auditDatabase(t)
  const audited = await buildApp(t, { db: app }, () => {})
  const write = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      await audited.auditSink.write({ action: 'step', outcome: 'success', subject: 'user-1', detail: { n } })
    }
    await sealNow(app)
  }
  await write(OWNED_ROWS)
  return {
    app,
    db,
    pruner,
    write,
    checkpoint: async (...anchors) => {
      await makeCheckpoint({ db: app, keys: KEYS, anchors, timeoutMs: 60_000, onAnchorError: () => {} })
    },
    verifier: (...anchors) => {
      const passes: VerifiedPass[] = []
      const told: string[] = []
      const { step, state } = createTrailVerifier({
        db,
        keys: KEYS,
        anchors,
        rowsPerStep: 5,
        ...(placeFile !== undefined && { placeFile }),
        monotonicClock: clock,
        onAnchor: ({ name }, error) => told.push(`${name} ${error === null ? 'answers' : 'is away'}`),
        onPass: pass => passes.push(pass),
        onError: () => {}
      })
      return { step, state, passes, anchors: told }
    }
  }
}

/** What the verifier says at the end of its first pass; `undefined` where it comes to none. */
export async function passProblem({
  step,
  passes
}: Pick<Verifying, 'step' | 'passes'>): Promise<VerifiedPass['problem'] | undefined> {
  for (let steps = 0; steps < 5 && passes.length === 0; steps++) await step()
  return passes[0]?.problem
}
