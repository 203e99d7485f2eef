import type { FastifyError } from 'fastify'

/** What is wrong with one field of a request. @see RFC 9457 §3 (extension member `errors`) */
export interface ValidationProblem {
  /** JSON Pointer of the field, as a URI fragment: `#/lines/0/quantity`. @see RFC 6901 §6 */
  readonly pointer: string
  /** Where the field is, when it is not in the body. */
  readonly in?: 'query' | 'path' | 'header'
  /** What the schema wants. Never what was sent. */
  readonly detail: string
}

/** One failure, as Ajv describes it. */
type SchemaFailure = NonNullable<FastifyError['validation']>[number]

const LONGEST_POINTER = 200
const MOST_PROBLEMS = 20
const PLACES: Readonly<Record<string, ValidationProblem['in']>> = {
  querystring: 'query',
  params: 'path',
  headers: 'header'
}
/**
 * Ajv's own keywords, whose messages are made of the schema alone. What another compiler says may hold the value.
 */
const VALUE_FREE_KEYWORDS: ReadonlySet<string> = new Set([
  'type',
  'required',
  'dependentRequired',
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
  'minProperties',
  'maxProperties',
  'minLength',
  'maxLength',
  'pattern',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
  'uniqueItems',
  'contains',
  'enum',
  'const',
  'anyOf',
  'oneOf',
  'not'
])

/**
 * Says which fields of a request are not valid, without what was sent: names of fields, cut where they are long, and
 * what the schema wants.
 * @param failures `validation` of Fastify's error
 * @param context `validationContext` of Fastify's error
 */
export function validationProblems(
  failures: readonly SchemaFailure[],
  context: string | undefined
): readonly ValidationProblem[] {
  const place = context === undefined ? undefined : PLACES[context]
  return failures.slice(0, MOST_PROBLEMS).map(failure => ({
    pointer: pointerOf(failure),
    ...(place !== undefined && { in: place }),
    detail: VALUE_FREE_KEYWORDS.has(failure.keyword) ? (failure.message ?? 'is not valid') : 'is not valid'
  }))
}

/** A member that is missing or unknown is pointed at itself, and not at the object that it is missing in. */
function pointerOf({ instancePath, params }: SchemaFailure): string {
  const { missingProperty, additionalProperty, unevaluatedProperty } = params
  const member: unknown = missingProperty ?? additionalProperty ?? unevaluatedProperty
  const last = typeof member === 'string' ? [member] : []
  const segments = instancePath.split('/').slice(1).map(unescapeSegment)
  const pointer = `#${[...segments, ...last].map(segment => `/${escapeSegment(segment)}`).join('')}`
  return pointer.length > LONGEST_POINTER ? '#' : pointer
}

function unescapeSegment(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~')
}

function escapeSegment(segment: string): string {
  return encodeURIComponent(segment.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1'))
}
