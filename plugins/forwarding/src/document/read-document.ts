import type { AppRoute } from '@sallyport/security-context'
import type { RouteTableOptions } from '../table-options.ts'
import { checkDocument } from './check-document.ts'
import { documentMistakes } from './document-rules.ts'
import { type GatewayDocument, gatewaySchema } from './gateway-schema.ts'
import type { Loose } from './member-mistakes.ts'
import { parseDocumentText } from './parse-document-text.ts'
import { nearestPlace, placedInText, type DocumentMistake } from './place-mistakes.ts'
import type { ReferenceSources } from './replace-references.ts'
import { tableOfDocument } from './to-options.ts'

/** Routes and upstreams of a document, or every mistake in it, in the order of the text. */
export type DocumentReading =
  | { readonly table: RouteTableOptions; readonly mistakes: readonly [] }
  | { readonly table: null; readonly mistakes: readonly DocumentMistake[] }

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
  if (node === null) return { table: null, mistakes: placedInText(text, broken) }
  const { value, places, mistakes } = checkDocument(gatewaySchema, node, sources)
  // The one place where a checked document gets its type; rules see only those members of it that are right.
  const loose = (value ?? {}) as Loose<GatewayDocument>
  const misfits = documentMistakes(loose, own).map(({ path, message }) => ({ at: nearestPlace(places, path), message }))
  const all = [...broken, ...mistakes, ...misfits]
  if (all.length > 0) return { table: null, mistakes: placedInText(text, all) }
  return { table: tableOfDocument(value as GatewayDocument), mistakes: [] }
}
