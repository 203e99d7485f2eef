import type { AppRoute } from '@sallyport/security-context'
import type { RouteTableOptions } from '../table-options.ts'
import { checkDocument, type DocumentPlace } from './check-document.ts'
import { documentMistakes } from './document-rules.ts'
import { type GatewayDocument, gatewaySchema } from './gateway-schema.ts'
import type { Loose } from './member-mistakes.ts'
import { parseDocumentText } from './parse-document-text.ts'
import type { PlacedMistake } from './placed-node.ts'
import type { ReferenceSources } from './replace-references.ts'
import { textPositions, type TextPosition } from './text-position.ts'
import { tableOfDocument } from './to-options.ts'

/** A mistake of a document, and where it is. */
export interface DocumentMistake extends TextPosition {
  readonly message: string
}

/** Routes and upstreams of a document, or every mistake in it, in the order of the text. */
export type DocumentReading =
  | { readonly table: RouteTableOptions; readonly mistakes: readonly [] }
  | { readonly table: null; readonly mistakes: readonly DocumentMistake[] }

/** Mistakes that are listed; a text that is something else altogether has more than anybody reads. */
const MOST_MISTAKES = 100

/**
 * Reads the text of a `gateway.yaml`, in YAML or JSON. Never throws for a text: what is wrong with it is listed with
 * line and column, without the values of references.
 * @param own routes of the app that will serve the document: one that shares requests with them is a mistake
 */
export function readGatewayDocument(
  text: string,
  sources: ReferenceSources,
  own: readonly AppRoute[] = []
): DocumentReading {
  const { node, mistakes: broken } = parseDocumentText(text)
  if (node === null) return { table: null, mistakes: inTextOrder(text, broken) }
  const { value, places, mistakes } = checkDocument(gatewaySchema, node, sources)
  // The one place where a checked document gets its type; rules see only those members of it that are right.
  const loose = (value ?? {}) as Loose<GatewayDocument>
  const misfits = documentMistakes(loose, own).map(({ path, message }) => ({ at: nearestPlace(places, path), message }))
  const all = [...broken, ...mistakes, ...misfits]
  if (all.length > 0) return { table: null, mistakes: inTextOrder(text, all) }
  return { table: tableOfDocument(value as GatewayDocument), mistakes: [] }
}

/** Of a member that is not there, the place of what it would be in. */
function nearestPlace(places: ReadonlyMap<string, DocumentPlace>, path: string): number {
  for (let part = path; part !== ''; part = part.slice(0, Math.max(part.lastIndexOf('/'), 0))) {
    const place = places.get(part)
    if (place !== undefined) return place.at
  }
  return places.get('')?.at ?? 0
}

function inTextOrder(text: string, mistakes: readonly PlacedMistake[]): DocumentMistake[] {
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
