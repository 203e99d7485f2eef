import type { TSchema } from 'typebox'

/** What is read here of a schema. */
interface Described extends TSchema {
  readonly expectation?: string
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly TSchema[]
  readonly const?: unknown
  readonly items?: TSchema
  readonly minItems?: number
  readonly minLength?: number
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
}

/** What a value must be, in words that follow "must be": `a whole number from 1 to 300`. */
export function describeExpectation(schema: TSchema): string {
  const described: Described = schema
  if (described.expectation !== undefined) return described.expectation
  if (described.enum !== undefined) return `one of ${described.enum.join(', ')}`
  if (described.anyOf !== undefined) return described.anyOf.map(describeExpectation).join(' or ')
  if ('const' in described) return String(described.const)
  switch (described.type) {
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `a whole number${rangeText(described)}`
    case 'number':
      return `a number${rangeText(described)}`
    case 'string':
      return (described.minLength ?? 0) > 0 ? 'a text that is not empty' : 'a text'
    case 'array':
      return `a list${(described.minItems ?? 0) > 0 ? ' that is not empty' : ''}`
    default:
      return 'an object'
  }
}

function rangeText({ minimum, exclusiveMinimum, maximum }: Described): string {
  const from = exclusiveMinimum === undefined ? minimum : `more than ${exclusiveMinimum}`
  if (from === undefined) return maximum === undefined ? '' : ` up to ${maximum}`
  const start = exclusiveMinimum === undefined ? ` from ${from}` : ` of ${from}`
  return maximum === undefined ? start : `${start} ${exclusiveMinimum === undefined ? 'to' : 'and at most'} ${maximum}`
}
