/** Refusals of one kind that one row stands for. */
export interface RefusalTally<Sample> {
  /** The same at every attempt to write it, so that an attempt whose outcome is unknown can be repeated. */
  readonly id: string
  /** The first, which is written at once; what followed within the interval; or what had no kind of its own. */
  readonly kind: 'first' | 'more' | 'others'
  /** The first refusal of this kind; `null` for `others`. */
  readonly sample: Sample | null
  readonly repeats: number
  /** Epoch in ms of the first and of the last of them. */
  readonly firstAtMs: number
  readonly lastAtMs: number
}

/** Counts refusals by kind. The caller returns every tally by `written` or by `failed`. */
export interface RefusalCounts<Sample> {
  /**
   * Counts one refusal.
   * @param key what makes two refusals the same kind
   * @param sample called only for the first of a kind
   * @returns what to write at once: the first of its kind
   */
  readonly count: (key: string, sample: () => Sample, atMs: number) => RefusalTally<Sample> | null
  /** Ends an interval and returns what to write now. Forgets kinds that were quiet for all of it. */
  readonly collect: () => RefusalTally<Sample>[]
  readonly written: (tally: RefusalTally<Sample>) => void
  /** The same tally is collected again. */
  readonly failed: (tally: RefusalTally<Sample>) => void
  /** Refusals that are counted and not written yet. */
  readonly unwritten: () => number
  /** Kinds that are distinguished now, at most `maxKeys`. */
  readonly size: () => number
}

interface Pending {
  repeats: number
  readonly firstAtMs: number
  lastAtMs: number
}
interface RefusalKind<Sample> {
  readonly sample: Sample | null
  pending: Pending | null
  /** One at most: while it is not written, what follows is pending. So an outage keeps two counts per kind. */
  outgoing: { readonly tally: RefusalTally<Sample>; underWay: boolean } | null
  isQuiet: boolean
}

/**
 * Counts in memory what a stranger can cause without end, so that rows are bounded by kinds and time, not by requests.
 * No refusal is lost or counted twice while the process lives.
 * @param maxKeys kinds that are distinguished at a time; refusals of further kinds are one count, `others`
 * @param newId ids of tallies
 */
export function createRefusalCounts<Sample>(maxKeys: number, newId: () => string): RefusalCounts<Sample> {
  const kinds = new Map<string, RefusalKind<Sample>>()
  const others = newRefusalKind<Sample>(null)
  const holders = new WeakMap<RefusalTally<Sample>, RefusalKind<Sample>>()

  function count(key: string, sample: () => Sample, atMs: number): RefusalTally<Sample> | null {
    const known = kinds.get(key)
    if (known !== undefined || kinds.size >= maxKeys) {
      addTo(known ?? others, atMs)
      return null
    }
    const kind = newRefusalKind(sample())
    kinds.set(key, kind)
    addTo(kind, atMs)
    return handOut(kind, 'first')
  }

  function collect(): RefusalTally<Sample>[] {
    const due = [...kinds.values()].map(kind => handOut(kind, 'more'))
    for (const [key, kind] of kinds) {
      if (kind.isQuiet && kind.outgoing === null) kinds.delete(key)
      kind.isQuiet = true
    }
    return [...due, handOut(others, 'others')].filter(tally => tally !== null)
  }

  function handOut(kind: RefusalKind<Sample>, as: RefusalTally<Sample>['kind']): RefusalTally<Sample> | null {
    if (kind.outgoing === null && kind.pending !== null) {
      const tally = { id: newId(), kind: as, sample: kind.sample, ...kind.pending }
      holders.set(tally, kind)
      kind.pending = null
      kind.outgoing = { tally, underWay: false }
    }
    if (kind.outgoing === null || kind.outgoing.underWay) return null
    kind.outgoing.underWay = true
    return kind.outgoing.tally
  }

  function settle(tally: RefusalTally<Sample>, isWritten: boolean): void {
    const kind = holders.get(tally)
    if (kind?.outgoing?.tally !== tally) return
    if (isWritten) kind.outgoing = null
    else kind.outgoing.underWay = false
  }

  return {
    count,
    collect,
    written: tally => {
      settle(tally, true)
    },
    failed: tally => {
      settle(tally, false)
    },
    unwritten: () => [...kinds.values(), others].reduce((sum, kind) => sum + unwrittenOf(kind), 0),
    size: () => kinds.size
  }
}

function newRefusalKind<Sample>(sample: Sample | null): RefusalKind<Sample> {
  return { sample, pending: null, outgoing: null, isQuiet: false }
}

function unwrittenOf({ pending, outgoing }: RefusalKind<unknown>): number {
  return (pending?.repeats ?? 0) + (outgoing?.tally.repeats ?? 0)
}

function addTo(kind: RefusalKind<unknown>, atMs: number): void {
  kind.isQuiet = false
  kind.pending ??= { repeats: 0, firstAtMs: atMs, lastAtMs: atMs }
  kind.pending.repeats++
  kind.pending.lastAtMs = atMs
}
