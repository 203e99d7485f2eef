import Type, { type TProperties } from 'typebox'

/** What the reader takes from a schema beside JSON Schema; the published schema leaves it out. */
export interface DocumentAnnotations {
  /** Follows "must be" in a mistake. */
  readonly expectation?: string
  /** The same for the keys of a map of names. */
  readonly keyExpectation?: string
  /** Whether `${NAME}` and `file:` are replaced. */
  readonly references?: boolean
  /** Names that another document has at this place, and this one must not. */
  readonly pushedOnly?: readonly string[]
}

/** An object whose members are these and no others. */
export function closed<Properties extends TProperties>(
  properties: Properties,
  description: string,
  annotations: DocumentAnnotations = {}
) {
  return Type.Object(properties, { additionalProperties: false, description, ...annotations })
}

/** A text that is taken as it stands: what is compared, or shows who may pass where. */
export function fixedText(expectation: string, check: (text: string) => boolean, description: string) {
  return Type.Refine(Type.String({ minLength: 1, expectation, description }), check)
}

/** A text in which references are replaced before it is checked. */
export function openText(expectation: string, check: (text: string) => boolean, description: string) {
  return Type.Refine(Type.String({ minLength: 1, expectation, references: true, description }), check)
}

/** A whole number from 1. */
export function count(description: string) {
  return Type.Integer({ minimum: 1, description })
}

/** A duration in ms. */
export function durationMs(description: string) {
  return Type.Integer({ minimum: 1, maximum: 2_147_483_647, description })
}
