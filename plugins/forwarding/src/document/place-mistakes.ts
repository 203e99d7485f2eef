import type { DocumentPlace } from './check-document.ts'
import type { PlacedMistake } from './placed-node.ts'
import { textPositions, type TextPosition } from './text-position.ts'

/** A mistake of a document, and where it is. */
export interface DocumentMistake extends TextPosition {
  readonly message: string
}

/** Mistakes that are listed; a text that is something else altogether has more than anybody reads. */
const MOST_MISTAKES = 100

/** Of a member that is not there, the place of what it would be in. */
export function nearestPlace(places: ReadonlyMap<string, DocumentPlace>, path: string): number {
  for (let part = path; part !== ''; part = part.slice(0, Math.max(part.lastIndexOf('/'), 0))) {
    const place = places.get(part)
    if (place !== undefined) return place.at
  }
  return places.get('')?.at ?? 0
}

/** Mistakes with line and column, in the order of the text. */
export function placedInText(text: string, mistakes: readonly PlacedMistake[]): DocumentMistake[] {
  const positionOf = textPositions(text)
  const listed = mistakes
    .toSorted((one, other) => one.at - other.at)
    .map(({ at, message }) => ({ ...positionOf(at), message }))
  if (listed.length <= MOST_MISTAKES) return listed
  const [next] = listed.slice(MOST_MISTAKES)
  const rest = {
    line: next?.line ?? 1,
    column: next?.column ?? 1,
    message: `and ${listed.length - MOST_MISTAKES} more`
  }
  return [...listed.slice(0, MOST_MISTAKES), rest]
}
