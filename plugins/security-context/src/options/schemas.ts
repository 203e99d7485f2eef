import Type, { type Static, type TProperties, type TSchema } from 'typebox'
import type { Clock } from '../mechanics/clock.ts'

/** What a schema of an option may carry beside JSON Schema. */
export interface OptionAnnotations<Value> {
  /** Used when the option is left out. */
  readonly default?: Value
  /** How a default that is no plain value is written in JSDoc and tables: `Date.now`. */
  readonly defaultText?: string
}

/**
 * An object of options: a member that has no schema is a mistake. Its own default is the object with every default.
 * @param properties a schema for each option; what has no default and is not `Type.Optional` must be given
 */
export function optionsObject<Properties extends TProperties>(
  properties: Properties,
  annotations: { readonly default?: object } = {}
) {
  return Type.Object(properties, { additionalProperties: false, ...annotations })
}

/**
 * A value that JSON Schema cannot describe: an instance, a function, a text with a form of its own.
 * @param expectation follows "must be" in the message: `a knex pool`
 * @param check decides; must not throw, whatever it gets
 */
export function custom<Value>(
  expectation: string,
  check: (value: unknown) => boolean,
  annotations: OptionAnnotations<Value> = {}
) {
  return Type.Refine(Type.Unsafe<Value>({ expectation, ...annotations }), check)
}

/** A function. */
export function functionOption<Signature extends (...parameters: never[]) => unknown>(
  annotations: OptionAnnotations<Signature> = {}
) {
  return custom<Signature>('a function', value => typeof value === 'function', annotations)
}

/**
 * An instance, known by methods that are called: an interface has no class to ask for.
 * @param expectation follows "must be": `a token client`
 */
export function objectWith<Value>(expectation: string, methods: ReadonlyArray<keyof Value & string>) {
  return custom<Value>(expectation, value => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
    return methods.every(name => name in value && typeof Reflect.get(value, name) === 'function')
  })
}

/** A list that nobody changes any more. */
export function listOf<Item extends TSchema>(
  item: Item,
  annotations: OptionAnnotations<ReadonlyArray<Static<Item>>> & { readonly minItems?: number } = {}
) {
  return Type.Unsafe<ReadonlyArray<Static<Item>>>(Type.Array(item, { ...annotations }))
}

/** An object of options, or `false` where there is none of it. */
export function oneOrOff<Options extends TSchema>(
  options: Options,
  annotations: { readonly default?: object | false } = {}
) {
  return Type.Union([Type.Literal(false), options], annotations)
}

/** The time in ms since 1970. */
export const CLOCK_OPTION = functionOption<Clock>({ default: Date.now, defaultText: 'Date.now' })
