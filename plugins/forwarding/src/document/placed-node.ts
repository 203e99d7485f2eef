/** A value of a document and where it begins in the text, as an offset in UTF-16 code units. */
export type PlacedNode = PlacedText | PlacedScalar | PlacedList | PlacedMap

/** A scalar that is a text. */
export interface PlacedText {
  readonly kind: 'text'
  readonly at: number
  readonly value: string
}

/** A scalar of any other type; `null` for one that is empty. */
export interface PlacedScalar {
  readonly kind: 'scalar'
  readonly at: number
  readonly value: boolean | number | null
}

export interface PlacedList {
  readonly kind: 'list'
  readonly at: number
  readonly items: readonly PlacedNode[]
}

export interface PlacedMap {
  readonly kind: 'map'
  readonly at: number
  readonly members: ReadonlyMap<string, PlacedMember>
}

/** A member of a map: where its key begins, and its value. */
export interface PlacedMember {
  readonly keyAt: number
  readonly node: PlacedNode
}

/** What is wrong at one place of the text. Says nothing that a reference stands for. */
export interface PlacedMistake {
  readonly at: number
  readonly message: string
}
