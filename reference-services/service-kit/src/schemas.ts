import Type, { type Static } from 'typebox'

/** One line of text for people: no control characters (PostgreSQL refuses NUL), nothing empty. */
export const lineOfText = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })

/** An id in the form of our services: a UUID in lower case, so that an id has one spelling. */
export const Id = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' })

/** The end of a page; opaque to clients. */
export const Cursor = Type.String({ pattern: '^[A-Za-z0-9_-]{1,128}$' })

/** An instant in an answer, RFC 3339. */
export const Instant = Type.String({ format: 'date-time' })

/** The body of a refusal. @see RFC 9457 §3.1 */
export const ProblemSchema = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.Optional(Type.String()),
  requestId: Type.Optional(Type.String()),
  errors: Type.Optional(
    Type.Array(Type.Object({ pointer: Type.String(), in: Type.Optional(Type.String()), detail: Type.String() }))
  )
})

/**
 * The query of a list: nothing is coerced anywhere, so a number in a query is a string with a pattern.
 * `after` is the `next` of the page before.
 */
export const PageQuerySchema = Type.Object(
  {
    limit: Type.String({ pattern: '^([1-9][0-9]?|100)$', default: '50' }),
    after: Type.Optional(Cursor)
  },
  { additionalProperties: false }
)

/** A checked {@link PageQuerySchema}. */
export type PageQuery = Static<typeof PageQuerySchema>
