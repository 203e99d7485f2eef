/** An entry of a {@link ActiveList}. */
export interface ActiveEntry {
  /** Its index in the list; -1 while it is in none. Of the list alone. */
  place: number
}

/**
 * What is under way: entries that come and go with each request, in no order.
 *
 * Not a `Set`: one that keeps changing makes a new table again and again, and V8 keeps in each old table a reference to
 * the next. One table that has come to the old generation then keeps every later entry alive, with its request, until a
 * full collection.
 */
export class ActiveList<Entry extends ActiveEntry> {
  readonly #entries: Entry[] = []

  get size(): number {
    return this.#entries.length
  }

  /** An entry that is in the list stays where it is. */
  add(entry: Entry): void {
    if (entry.place === -1) entry.place = this.#entries.push(entry) - 1
  }

  /** @returns false for an entry that is not in the list */
  delete(entry: Entry): boolean {
    const { place } = entry
    if (place === -1) return false
    const last = this.#entries.pop()
    entry.place = -1
    if (last !== undefined && last !== entry) {
      this.#entries[place] = last
      last.place = place
    }
    return true
  }

  /** The entries of this moment, whatever happens to the list while one looks at them. */
  all(): Entry[] {
    return [...this.#entries]
  }
}
