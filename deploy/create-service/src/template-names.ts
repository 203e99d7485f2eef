import { GeneratorError } from './generator-error.ts'

/** A text of a template, and what stands there instead. */
export type Replacement = readonly [from: string, to: string]

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/
/** So that no line of the templates becomes longer than the project's lines are. */
const LONGEST_NAME = 30
const SERVICE_SUFFIX = '-service'
/** What the service of the template keeps. Two words, so that every way to write them can be told apart. */
const SAMPLE_ITEM = ['sample', 'item']

/**
 * What stands in a service for the words of the template.
 * @throws {GeneratorError} when the name is none for a service
 */
export function serviceNames(name: string): Replacement[] {
  requireName(name)
  const item = name.slice(0, -SERVICE_SUFFIX.length)
  if (!name.endsWith(SERVICE_SUFFIX) || item === '') {
    throw new GeneratorError(`"${name}" does not end with "${SERVICE_SUFFIX}": ${name}${SERVICE_SUFFIX}?`)
  }
  const words = item.split('-')
  // Plurals first: each of them begins with its singular.
  return [
    ...zip(spellings(plural(SAMPLE_ITEM)), spellings(plural(words))),
    ...zip(spellings(SAMPLE_ITEM), spellings(words))
  ]
}

/**
 * What stands in an app for the words of the template.
 * @throws {GeneratorError} when the name is none for a package
 */
export function appNames(name: string): Replacement[] {
  requireName(name)
  return [
    ['sample-app', name],
    ['sample_app', name.replaceAll('-', '_')]
  ]
}

function requireName(name: string): void {
  if (!NAME.test(name) || name.length > LONGEST_NAME) {
    throw new GeneratorError(
      `"${name}" is no name: lower-case letters, digits and single hyphens, a letter first, at most ${LONGEST_NAME}`
    )
  }
}

/** `sample-item`, `sample_item`, `sampleItem`, `SampleItem`, `SAMPLE_ITEM` and `sample item`. */
function spellings(words: readonly string[]): string[] {
  const pascal = words.map(capitalized).join('')
  const snake = words.join('_')
  return [
    words.join('-'),
    snake,
    `${words[0]}${words.slice(1).map(capitalized).join('')}`,
    pascal,
    snake.toUpperCase(),
    words.join(' ')
  ]
}

function capitalized(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`
}

function plural(words: readonly string[]): string[] {
  const last = words.at(-1) ?? ''
  if (/[^aeiou]y$/.test(last)) return [...words.slice(0, -1), `${last.slice(0, -1)}ies`]
  return [...words.slice(0, -1), /(?:s|x|z|ch|sh)$/.test(last) ? `${last}es` : `${last}s`]
}

function zip(from: readonly string[], to: readonly string[]): Replacement[] {
  return from.map((text, index) => [text, to[index] ?? text])
}
