import type { FaultStack } from './fault-stack.ts'
import { lostByClients } from './ledger.ts'
import { countAnswers, startShopLoad, type ShopLoad } from './shop-load.ts'
import type { DrillReport, DrillSurroundings } from './types.ts'

/** What a fault found beside what clients saw. */
export interface FaultFindings {
  readonly figures?: Readonly<Record<string, number>>
  readonly lost?: readonly string[]
}

/** No answer takes longer, whatever the fault. */
export const LONGEST_ANSWER_MS = 12_000

/** Does a fault to the stack while clients use it; then everything they were told has to be there. */
export async function underLoad(
  { stack, random }: DrillSurroundings,
  fault: (faults: FaultStack, load: ShopLoad) => Promise<FaultFindings>
): Promise<DrillReport> {
  const faults = await stack()
  const load = await startShopLoad(faults.stack, random)
  let found: FaultFindings = {}
  try {
    await Promise.all((['order', 'read', 'token'] as const).map(load.recovered))
    found = await fault(faults, load)
  } finally {
    await load.stop()
  }
  const longest = Math.max(...load.answers.map(({ tookMs }) => tookMs))
  const lost = [...(found.lost ?? []), ...(await lostByClients(faults, load))]
  if (longest > LONGEST_ANSWER_MS) lost.push(`an answer took ${longest} ms`)
  const unanswered = load.answers.filter(({ status }) => status === 0).length
  if (unanswered > 0) lost.push(`${unanswered} requests were not answered`)
  return {
    saw: countAnswers(load.answers),
    figures: { 'orders answered 201': load.placed.size, 'longest answer, ms': longest, ...found.figures },
    lost
  }
}

/** Waits until each kind of request is answered well again. @returns how long that took, in ms */
export async function servedAgain(load: ShopLoad): Promise<number> {
  return Math.max(...(await Promise.all((['order', 'read', 'token'] as const).map(load.recovered))))
}
