/** A target to be picked. */
export interface PickedTarget {
  /** Its share beside the others; 0 for none. */
  readonly weight: number
  /** Requests under way there. */
  readonly pending: number
  /** What it is ahead of the others, or behind; of the picking alone. */
  credit: number
  /** Whether it is asked while there are others that are. */
  readonly isInRotation: (nowMs: number) => boolean
  /** Whether it may be asked at all. */
  readonly isPermitted: (nowMs: number) => boolean
}

/** The moment of a choice. */
export interface PickingMoment<Target> {
  readonly nowMs: number
  /** Where the request was sent before: others come first. */
  readonly tried: readonly Target[]
  /** Counts the choices, so that equal targets take turns. */
  readonly turn: number
}

/**
 * The target for a request: the one with the fewest requests under way, or by weight and by what is under way where the
 * weights differ. When all targets are left out, a wrong health check is more likely than a loss of all of them, and
 * asking them costs no more than refusing: then they are asked.
 * @returns `null` when none may be asked
 */
export function pickTarget<Target extends PickedTarget>(
  targets: readonly Target[],
  { nowMs, tried, turn }: PickingMoment<Target>
): Target | null {
  const permitted = targets.filter(target => target.weight > 0 && target.isPermitted(nowMs))
  const inRotation = orAll(
    permitted.filter(target => target.isInRotation(nowMs)),
    permitted
  )
  const candidates = orAll(
    inRotation.filter(target => !tried.includes(target)),
    inRotation
  )
  const [first] = candidates
  if (first === undefined) return null
  return candidates.every(({ weight }) => weight === first.weight)
    ? leastPending(candidates, turn)
    : byWeight(candidates)
}

function orAll<Target>(some: readonly Target[], all: readonly Target[]): readonly Target[] {
  return some.length > 0 ? some : all
}

function leastPending<Target extends PickedTarget>(targets: readonly Target[], turn: number): Target | null {
  const fewest = Math.min(...targets.map(({ pending }) => pending))
  const equal = targets.filter(({ pending }) => pending === fewest)
  return equal[turn % equal.length] ?? null
}

/**
 * Smooth weighted round robin, as in nginx, with weights that fall with what is under way: idle targets get exactly
 * their share, and a slow one gets less. Least pending alone would never send a single request to the lighter target.
 */
function byWeight<Target extends PickedTarget>(targets: readonly Target[]): Target | null {
  let total = 0
  let picked: Target | null = null
  for (const target of targets) {
    const share = target.weight / (target.pending + 1)
    total += share
    target.credit += share
    if (picked === null || target.credit > picked.credit) picked = target
  }
  if (picked !== null) picked.credit -= total
  return picked
}
