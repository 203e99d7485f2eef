import Type, { type Static, type TSchema } from 'typebox'

/** How a field is written on the command line. */
export interface FieldOption {
  /** Without the dashes. */
  readonly flag: string
  /** `switch`: it stands alone and means {@link FieldOption.means}; `list`: values with commas between them. */
  readonly takes: 'switch' | 'text' | 'list' | 'number' | 'jwks-file' | 'certificate-subject'
  readonly means?: unknown
  /** Completes `--flag`, in the help. */
  readonly help: string
}

/** One field of a record, described once. */
export interface DescribedField<Value> {
  /** What a body may hold. */
  readonly schema: TSchema
  /** What the field is when nothing is said of it; `undefined`: it has to be said. */
  readonly initial: Value | undefined
  /** A value unlike the initial one, with which stores are checked. */
  readonly sample: Value
  /** Whether the column holds JSON. */
  readonly json: boolean
  /** `null`: not an option. */
  readonly option: FieldOption | null
}

/** Flag and help. */
type Named = readonly [flag: string, help: string]

/** A field of a kind of its own. */
export const field = <Value>(described: DescribedField<Value>): DescribedField<Value> => described

/** A text. */
export function textField({ longest, initial, option }: TextField): DescribedField<string> {
  return {
    schema: Type.String({ maxLength: longest }),
    initial,
    sample: 'sample',
    json: false,
    option: option === undefined ? null : { flag: option[0], takes: 'text', help: option[1] }
  }
}

interface TextField {
  readonly longest: number
  readonly initial?: string
  readonly option?: Named
}

/** A value, or nothing, which it is at first. */
export function nullable<Schema extends TSchema>(
  schema: Schema,
  { sample, json = false, option: [flag, help], takes = 'text' }: NullableField<Static<Schema>>
): DescribedField<Static<Schema> | null> {
  return { schema: Type.Union([schema, Type.Null()]), initial: null, sample, json, option: { flag, takes, help } }
}

interface NullableField<Value> {
  readonly sample: Value
  readonly json?: boolean
  readonly takes?: FieldOption['takes']
  readonly option: Named
}

/** A list of names. */
export function names({ initial, option: [flag, help] }: NamesField): DescribedField<readonly string[]> {
  return {
    schema: Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 100 }),
    initial,
    sample: ['sample'],
    json: false,
    option: { flag, takes: 'list', help }
  }
}

interface NamesField {
  readonly initial?: readonly string[]
  readonly option: Named
}

/** Yes or no; the option is a switch that says what it is not at first. */
export function yesNo(initial: boolean, [flag, help]: Named): DescribedField<boolean> {
  return {
    schema: Type.Boolean(),
    initial,
    sample: !initial,
    json: false,
    option: { flag, takes: 'switch', means: !initial, help }
  }
}

/** One of two words, the first at first; the option is a switch for the other. */
export function choice<Word extends string>(
  [initial, other]: readonly [Word, Word],
  [flag, help]: Named
): DescribedField<Word> {
  return {
    schema: Type.Enum([initial, other]),
    initial,
    sample: other,
    json: false,
    option: { flag, takes: 'switch', means: other, help }
  }
}
