import type { FaultStack } from './fault-stack.ts'
import { lostByClients } from './ledger.ts'
import { countAnswers, startShopLoad, type SeenAnswer, type ShopLoad } from './shop-load.ts'
import type { DrillReport, DrillSurroundings } from './types.ts'

/** What a fault found beside what clients saw. */
interface FaultFindings {
  readonly figures?: Readonly<Record<string, number>>
  readonly lost?: readonly string[]
}

/** No answer takes longer, whatever the fault. */
const LONGEST_ANSWER_MS = 12_000
/** The clients of a short run, which go on from one fault to the next. */
const sharedLoads = new WeakMap<FaultStack, ShopLoad>()

/**
 * Does a fault to the stack while clients use it; then everything they were told has to be there. In a short run they
 * are asked for that once, after the last fault: {@link settleClients}.
 */
export async function underLoad(
  { stack, random, isShort }: DrillSurroundings,
  fault: (faults: FaultStack, load: ShopLoad) => Promise<FaultFindings>
): Promise<DrillReport> {
  const faults = await stack()
  const load = (isShort ? sharedLoads.get(faults) : undefined) ?? (await startShopLoad(faults.stack, random))
  if (isShort) sharedLoads.set(faults, load)
  const from = load.answers.length
  let found: FaultFindings = {}
  try {
    await servedAgain(load)
    found = await fault(faults, load)
  } finally {
    if (!isShort) await load.stop()
  }
  const answers = load.answers.slice(from)
  const late = isShort ? [] : await lostByClients(faults, load)
  return {
    saw: countAnswers(answers),
    figures: { 'longest answer, ms': Math.max(...answers.map(({ tookMs }) => tookMs)), ...found.figures },
    lost: [...(found.lost ?? []), ...badAnswers(answers), ...late]
  }
}

/** What the clients of a short run were told, and is not there; `null` where there were none. */
export async function settleClients(faults: FaultStack): Promise<DrillReport | null> {
  const load = sharedLoads.get(faults)
  if (load === undefined) return null
  const from = load.answers.length
  await load.stop()
  return {
    saw: countAnswers(load.answers.slice(from)),
    figures: { 'orders answered 201': load.placed.size, 'tokens issued': load.tokens() },
    lost: await lostByClients(faults, load)
  }
}

/** Waits until each kind of request is answered well again. @returns how long that took, in ms */
export async function servedAgain(load: ShopLoad): Promise<number> {
  return Math.max(...(await Promise.all((['order', 'read', 'token'] as const).map(load.recovered))))
}

function badAnswers(answers: readonly SeenAnswer[]): string[] {
  const unanswered = answers.filter(({ status }) => status === 0)
  const slow = answers.filter(({ tookMs }) => tookMs > LONGEST_ANSWER_MS)
  return [
    ...(unanswered.length === 0 ? [] : [`${unanswered.length} requests were not answered: ${unanswered[0]?.text}`]),
    ...(slow.length === 0 ? [] : [`${slow.length} answers took too long: ${slow[0]?.tookMs} ms`])
  ]
}
