import type { Knex } from 'knex'
import { createTrailVerifier, type VerifiedPass } from '../../../plugins/audit-log/src/checkpoint/trail-verifier.ts'
import { checkpoint, type MutationTrail } from './every-kind-of-row.ts'
import { TRAIL_TABLES, type TrailMutation } from './mutations.ts'

/** What became of the mutations. */
export interface MutationResult {
  /** That changed something. */
  readonly made: number
  /** Their names: neither the verifier nor whoever signs says that something is wrong. */
  readonly missed: readonly string[]
}

const ROWS_OF_A_STEP = 1000

/** Makes each of the mutations alone, and asks the verifier and the signer. */
export async function findMissed(
  trail: MutationTrail,
  mutations: readonly TrailMutation[],
  onMutation: (done: number) => void = () => {}
): Promise<MutationResult> {
  const { db } = trail
  await keepCopies(db)
  const notes = [...trail.anchor.notes]
  const missed: string[] = []
  let made = 0
  for (const [index, { name, run }] of mutations.entries()) {
    if (await run(db, trail.anchor)) {
      made++
      if (!(await isNoticed(trail))) missed.push(name)
    }
    await restoreCopies(db)
    trail.anchor.notes.splice(0, Infinity, ...notes)
    onMutation(index + 1)
  }
  return { made, missed }
}

/** What the verifier says of the trail as it is. */
export async function verifyOnce({ db, keys, anchor }: MutationTrail): Promise<VerifiedPass['problem']> {
  const passes: VerifiedPass[] = []
  const verifier = createTrailVerifier({
    db,
    keys,
    anchors: [anchor],
    rowsPerStep: ROWS_OF_A_STEP,
    monotonicClock: () => 0,
    onAnchor: () => {},
    onPass: pass => passes.push(pass),
    onError: error => {
      throw error
    }
  })
  for (;;) {
    await verifier.step()
    const [pass] = passes
    if (pass !== undefined) return pass.problem
  }
}

async function isNoticed(trail: MutationTrail): Promise<boolean> {
  if ((await verifyOnce(trail)) !== null) return true
  return await checkpoint(trail).then(
    () => false,
    () => true
  )
}

async function keepCopies(db: Knex): Promise<void> {
  for (const table of TRAIL_TABLES) await db.raw('create table ?? as table ??', [`kept_${table}`, table])
}

async function restoreCopies(db: Knex): Promise<void> {
  for (const table of TRAIL_TABLES) {
    await db.raw('delete from ??', [table])
    await db.raw('insert into ?? overriding system value table ??', [table, `kept_${table}`])
  }
}
