/** Notes how to undo each change, so that a transaction that fails leaves nothing behind. */
export interface Journal {
  /** Notes an undo while a transaction runs. */
  readonly note: (undo: () => void) => void
  /** Where the journal is now. */
  readonly mark: () => number
  /** Undoes everything since `mark`, the last change first. */
  readonly undoTo: (mark: number) => void
  /** Forgets everything: what was done stays. */
  readonly clear: () => void
}

/** An empty journal. */
export function createJournal(isTransaction: () => boolean): Journal {
  const undos: Array<() => void> = []
  return {
    note: undo => {
      if (isTransaction()) undos.push(undo)
    },
    mark: () => undos.length,
    undoTo: mark => {
      while (undos.length > mark) undos.pop()?.()
    },
    clear: () => {
      undos.length = 0
    }
  }
}

/** Rows by key. A row is never changed, only replaced: who holds one holds a snapshot. */
export interface Table<Row> {
  readonly get: (key: string) => Row | undefined
  readonly has: (key: string) => boolean
  readonly set: (key: string, row: Row) => void
  /** Replaces the row when it is there; `false` when it is not. */
  readonly update: (key: string, change: (row: Row) => Row) => boolean
  readonly delete: (key: string) => boolean
  readonly values: () => Row[]
  readonly entries: () => Array<[string, Row]>
  /** The rows that were there first. */
  readonly oldest: (count: number) => Array<[string, Row]>
}

/** An empty table whose changes the journal can undo. */
export function createTable<Row>(journal: Journal): Table<Row> {
  const rows = new Map<string, Row>()
  const restore = (key: string, previous: Row | undefined): void => {
    previous === undefined ? rows.delete(key) : rows.set(key, previous)
  }
  const set = (key: string, row: Row): void => {
    const previous = rows.get(key)
    journal.note(() => {
      restore(key, previous)
    })
    rows.set(key, frozen(row))
  }
  return {
    get: key => rows.get(key),
    has: key => rows.has(key),
    set,
    update: (key, change) => {
      const row = rows.get(key)
      if (row === undefined) return false
      set(key, change(row))
      return true
    },
    delete: key => {
      const previous = rows.get(key)
      if (previous === undefined) return false
      journal.note(() => {
        restore(key, previous)
      })
      return rows.delete(key)
    },
    values: () => [...rows.values()],
    entries: () => [...rows.entries()],
    oldest: count => {
      const found: Array<[string, Row]> = []
      for (const entry of rows) {
        if (found.length === count) break
        found.push(entry)
      }
      return found
    }
  }
}

/** Makes the row, and everything in it but bytes, unchangeable: who reads it cannot change what is stored. */
function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}

/** The key of a hash. */
export const hashKey = (hash: Buffer): string => hash.toString('latin1')
