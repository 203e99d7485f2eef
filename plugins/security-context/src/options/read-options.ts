import type { Static, TObject, TSchema } from 'typebox'
import Value from 'typebox/value'
import { describeExpectation } from './describe-expectation.ts'
import { suggestName } from './suggest-name.ts'

/** Options with every default filled in, frozen: what {@link readOptions} gives for a schema. */
export type ReadOptions<Schema extends TSchema> = Readonly<Static<Schema>>

/** What the schema of options cannot say. */
export interface OptionsRule<Options> {
  /**
   * The options whose values it looks at, such as `listener.host`; it is asked when each of them alone is right. The
   * first says where its mistakes stand. None, for one that only asks which options are given.
   */
  readonly of: readonly string[]
  /** One phrase a mistake, with the name of the option and without secrets. */
  readonly mistakes: (options: Options) => readonly string[]
}

/** How options are read. */
export interface OptionsReading<Schema extends TObject> {
  readonly schema: Schema
  /** Made with all mistakes in one text: the `SALLYPORT_<AREA>_OPTIONS_INVALID` of the package. */
  readonly error: new (mistakes: string) => Error
  readonly rules?: ReadonlyArray<OptionsRule<ReadOptions<Schema>>>
  /** Comes before the name of each option in a mistake: `dpop` makes `dpop.origin`. */
  readonly path?: string
}

/** A mistake and the option that has it. */
interface Mistake {
  readonly path: string
  readonly text: string
}

/**
 * Reads options once, at registration: checks all of them, fills the defaults in and freezes the result, so that
 * nothing is defaulted later. What is given is copied and not changed; instances and functions stay themselves. An
 * option that is `undefined` is left out.
 * @throws an `error` that names every mistake, in the order of the schema: missing and wrong values, what the rules
 * say, and names that there are not
 */
export function readOptions<Schema extends TObject>(
  { schema, error: OptionsError, rules = [], path = '' }: OptionsReading<Schema>,
  given: unknown
): ReadOptions<Schema> {
  const mistakes: Mistake[] = []
  // The one place where a checked value gets its type; a rule sees only those members of it that are right.
  const options = checkedValue(schema, given, path, mistakes) as ReadOptions<Schema>
  const wrong = mistakes.map(mistake => mistake.path)
  for (const { of, mistakes: broken } of isOptionsRecord(given) ? rules : []) {
    const [first] = of.map(name => join(path, name))
    if (of.some(name => wrong.some(other => overlaps(join(path, name), other)))) continue
    mistakes.push(...broken(options).map(text => ({ path: first ?? path, text })))
  }
  if (mistakes.length > 0) throw new OptionsError(inOrderOf(schema, path, mistakes).join('; '))
  return options
}

/** Whether one of two paths is the other or leads to it. */
function overlaps(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}.`) || other.startsWith(`${one}.`)
}

function inOrderOf({ properties }: TObject, path: string, mistakes: readonly Mistake[]): string[] {
  const places = new Map(Object.keys(properties).map((name, place) => [join(path, name), place]))
  const placeOf = (mistake: Mistake): number =>
    [...places].find(([name]) => overlaps(name, mistake.path))?.[1] ?? places.size
  return mistakes.toSorted((one, other) => placeOf(one) - placeOf(other)).map(({ text }) => text)
}

/** What is read here of a schema. */
interface Node extends TSchema {
  readonly type?: string
  readonly default?: unknown
  readonly additionalProperties?: unknown
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly anyOf?: readonly Node[]
  readonly items?: Node
}

/** The value with the defaults of its schema; what is wrong with it goes to `mistakes`. */
function checkedValue(schema: Node, value: unknown, path: string, mistakes: Mistake[]): unknown {
  const options = optionsSchemaOf(schema)
  if (options !== null && isOptionsRecord(value)) return completedOptions(options, value, path, mistakes)
  const { items } = schema
  if (items !== undefined && optionsSchemaOf(items) !== null && Array.isArray(value) && value.length > 0) {
    return Object.freeze(value.map((item, place) => checkedValue(items, item, join(path, String(place)), mistakes)))
  }
  const [entry] = Object.values(schema.patternProperties ?? {})
  if (entry !== undefined && isOptionsRecord(value)) {
    const entries = Object.entries(value).map(([name, item]) => [
      name,
      checkedValue(entry, item, join(path, name), mistakes)
    ])
    return Object.freeze(Object.fromEntries(entries))
  }
  if (!Value.Check(schema, value)) {
    mistakes.push({ path, text: `${path === '' ? 'they' : path} must be ${describeExpectation(schema)}` })
  }
  return schema.type === 'array' && Array.isArray(value) ? Object.freeze([...value]) : value
}

function completedOptions(
  { properties = {}, required = [] }: Node,
  given: Readonly<Record<string, unknown>>,
  path: string,
  mistakes: Mistake[]
): unknown {
  const options: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(properties)) {
    const value = given[name] ?? (given[name] === undefined ? schema.default : null)
    if (value !== undefined) options[name] = checkedValue(schema, value, join(path, name), mistakes)
    else if (required.includes(name)) mistakes.push({ path: join(path, name), text: `${join(path, name)} is missing` })
  }
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(properties, name)) continue
    const meant = suggestName(name, Object.keys(properties))
    const hint = meant === null ? '' : ` (did you mean ${meant}?)`
    mistakes.push({ path: join(path, name), text: `${join(path, name)} is not an option${hint}` })
  }
  return Object.freeze(options)
}

/** The schema of an options object, also of one that may be something else instead, such as `false`. */
function optionsSchemaOf(schema: Node): Node | null {
  const isOptions = ({ additionalProperties, properties }: Node): boolean =>
    additionalProperties === false && properties !== undefined
  if (isOptions(schema)) return schema
  return schema.anyOf?.find(isOptions) ?? null
}

function isOptionsRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
