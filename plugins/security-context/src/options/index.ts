/**
 * How every package reads its options: a TypeBox schema holds names, defaults and checks, and {@link readOptions} is
 * the one function that applies it. Import from `@sallyport/security-context/options`.
 */
/** TypeBox itself, so that every schema is made by the copy that reads it. */
export { Type, type Static, type TSchema } from 'typebox'
export { CLOCK_OPTION, customOption, functionOption, listOf, objectWith, oneOrOff, optionsObject } from './schemas.ts'
export { describeExpectation } from './describe-expectation.ts'
export { suggestName } from './suggest-name.ts'
export { readOptions, type OptionsReading, type OptionsRule, type ReadOptions } from './read-options.ts'
