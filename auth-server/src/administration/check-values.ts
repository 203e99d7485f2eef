import { InvalidValueError } from '../errors.ts'

/** A role as users have it and scopes ask for it. */
const ROLE_NAME = /^[A-Z][A-Z0-9_]{0,63}$/

/** Whether a text can be the name of a role. */
export const isRoleName = (text: string): boolean => ROLE_NAME.test(text)

/** A BCP 47 tag in lower case. */
const LANGUAGE = /^[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}$/
const LONGEST_DESCRIPTION = 500

/** Texts for people, by BCP 47 tag. */
type Descriptions = Readonly<Record<string, string>>

/** Descriptions with their tags in lower case. */
export const plainDescriptions = (given: Descriptions): Descriptions =>
  Object.fromEntries(Object.entries(given).map(([tag, text]) => [tag.toLowerCase(), text]))

/** What is wrong with descriptions, one phrase each. */
export function descriptionMistakes(descriptions: Descriptions): readonly string[] {
  return Object.entries(descriptions).flatMap(([tag, text]) => [
    ...(LANGUAGE.test(tag) ? [] : [`${JSON.stringify(tag)} is no language: en, de, pt-br, …`]),
    ...(text !== '' && text.length <= LONGEST_DESCRIPTION && isStorableText(text)
      ? []
      : [`the description in ${tag} is not text of 1 to ${LONGEST_DESCRIPTION} characters`])
  ])
}

/** Whether PostgreSQL can store a text as it is: without NUL, and of whole characters. */
export const isStorableText = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/**
 * Refuses a value with everything that is wrong with it.
 * @throws {InvalidValueError} `SALLYPORT_AUTH_SERVER_VALUE_INVALID`
 */
export function refuseMistakes(mistakes: readonly string[]): void {
  if (mistakes.length > 0) throw new InvalidValueError(mistakes.join('; '))
}
