import { isJsonObject, type JsonValue } from '@sallyport/security-context/mechanics'
import { ADOPT_ACTION, PRUNE_ACTION } from './pruning-mark.ts'
import type { AuditRecord } from './record.ts'

/** Rows that are missing in an export, and what the rows of the export say of that. */
export interface PrunedPlaces {
  /** In the order of the sequences; `null` where the row is missing. */
  readonly add: (sequence: number, record: AuditRecord | null) => void
  /** The first row that is missing although none says that it was pruned; `null` when there is none. */
  readonly firstUnstated: () => number | null
}

interface Stretch {
  readonly first: number
  last: number
}

/** A row that says what was pruned comes after what it says, and is itself in the chain. */
export function createPrunedPlaces(): PrunedPlaces {
  const missing: Stretch[] = []
  const stated: Stretch[] = []
  return {
    add: (sequence, record) => {
      if (record !== null) {
        stated.push(...statedStretches(record))
        return
      }
      const last = missing.at(-1)
      if (last?.last === sequence - 1) last.last = sequence
      else missing.push({ first: sequence, last: sequence })
    },
    firstUnstated: () => {
      const ranges = stated.toSorted((one, other) => one.first - other.first)
      let place = 0
      for (const { first, last } of missing) {
        for (let at = first; at <= last; at = (ranges[place]?.last ?? at) + 1) {
          while ((ranges[place]?.last ?? at) < at) place++
          if ((ranges[place]?.first ?? Infinity) > at) return at
        }
      }
      return null
    }
  }
}

function statedStretches({ action, detail }: AuditRecord): Stretch[] {
  if (!isJsonObject(detail)) return []
  if (action === PRUNE_ACTION) return stretch(detail.firstSequence, detail.lastSequence)
  if (action !== ADOPT_ACTION || !Array.isArray(detail.marks)) return []
  // Marks of the first releases say only up to where.
  return detail.marks.flatMap((mark: JsonValue) => (isJsonObject(mark) ? stretch(1, mark.throughSequence) : []))
}

function stretch(first: unknown, last: unknown): Stretch[] {
  return typeof first === 'number' && typeof last === 'number' && first <= last ? [{ first, last }] : []
}
