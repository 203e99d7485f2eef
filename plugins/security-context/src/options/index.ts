/**
 * How every package reads its options: a TypeBox schema holds names, defaults and checks, and {@link readOptions} is
 * the one function that applies it. Import from `@sallyport/security-context/options`.
 */
export { CLOCK_OPTION, custom, functionOption, listOf, objectWith, oneOrOff, optionsObject } from './schemas.ts'
export { readOptions, type OptionsReading, type ReadOptions } from './read-options.ts'
export { describeExpectation } from './describe-expectation.ts'
